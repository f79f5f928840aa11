/** Mean, variance and standard error of numbers. NaN for none. */

type Numbers = ArrayLike<number>;

function sumOver(values: Numbers, term: (x: number) => number): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += term(values[i]);
  return sum;
}

export const meanOf = (values: Numbers): number => sumOver(values, (x) => x) / values.length;

/** Variance with divisor length − 1. */
export function varianceOf(values: Numbers): number {
  const mean = meanOf(values);
  return sumOver(values, (x) => (x - mean) ** 2) / (values.length - 1);
}

/** Mean of paired differences and its standard error; 0 for a single one. */
export function pairedMean(differences: Numbers): { readonly mean: number; readonly error: number } {
  const { length: n } = differences;
  return { mean: meanOf(differences), error: n === 1 ? 0 : Math.sqrt(varianceOf(differences) / n) };
}
