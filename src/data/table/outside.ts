/** Rows outside of what the training rows showed, and by which columns. */
import { firstInput, type NumericCode, type Preprocessing, widthOf } from './preprocess.ts';

/** A number is outside beyond this part of the training rows' range on either side. */
const MARGIN = 0.05;
/** Float32 keeps seven digits of an input. */
const ROUNDING = 1e-6;

/**
 * For every encoded row `[n × p]` the names of the columns by which it lies outside, joined by `|`: a number beyond the training rows'
 * range by a twentieth of it, or a category that was not among theirs.
 */
export function outsideOf({ columns, inputNames }: Preprocessing, x: Float32Array): string[] {
  const p = inputNames.length;
  const checks = columns.map((code) => {
    const from = firstInput(columns, code);
    return {
      name: code.name,
      outside: code.kind === 'numeric' ? beyond(code, from) : unseen(from, from + widthOf(code)),
    };
  });
  return Array.from({ length: x.length / p }, (_, i) => {
    const row = x.subarray(i * p, (i + 1) * p);
    return checks.flatMap(({ name, outside }) => (outside(row) ? [name] : [])).join('|');
  });
}

/** Whether the run knows no range of some numeric column: it was made by an earlier version. */
export const lacksRanges = ({ columns }: Preprocessing): boolean =>
  columns.some((code) => code.kind === 'numeric' && !code.seen);

function beyond({ seen, mean, sd }: NumericCode, at: number): (row: Float32Array) => boolean {
  if (!seen) return () => false;
  const margin = MARGIN * (seen.max - seen.min);
  const [low, high] = [(seen.min - margin - mean) / sd, (seen.max + margin - mean) / sd];
  return (row) => row[at] < low - ROUNDING * Math.abs(low) || row[at] > high + ROUNDING * Math.abs(high);
}

const unseen =
  (from: number, to: number) =>
  (row: Float32Array): boolean =>
    row.subarray(from, to).every((input) => input === 0);
