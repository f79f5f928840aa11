/** Whether the first record of a table names its columns. Every column votes; a header is what most evidence is for. */
import { missingRule } from '../table/missing.ts';
import { numberish } from './separator.ts';

const { number: isMissing } = missingRule();
const isInteger = (text: string) => /^[+-]?\d+$/.test(text);

/** Votes for (positive) and against a header. */
function vote(cell: string, below: readonly string[]): number {
  if (cell === '' || isMissing(cell) || below.length === 0) return 0;
  const numeric = below.filter(numberish).length > below.length / 2;
  if (!numberish(cell)) {
    const repeated = below.includes(cell);
    if (numeric) return repeated ? -1 : 3;
    if (repeated) return -1;
    const levels = new Set(below).size;
    return 5 * levels <= below.length ? 2 : 3 * levels <= below.length ? 1 : 0;
  }
  if (!numeric) return 0;
  if (!isInteger(cell)) return -1;
  const integers = below.filter(isInteger).length;
  return below.length >= 3 && integers < 0.1 * below.length ? 0.5 : -0.6;
}

/** Whether a row's numbers go up by equal steps: columns named 0, 1, 2 or by years or wavelengths. */
function evenlySpaced(row: readonly string[]): boolean {
  const numbers = row.filter((cell) => cell !== '' && numberish(cell)).map(Number);
  const step = numbers[1] - numbers[0];
  return (
    numbers.length >= 3 &&
    step > 0 &&
    numbers.every((n, k) => k === 0 || Math.abs(n - numbers[k - 1] - step) < 1e-9 * Math.abs(step))
  );
}

export function looksLikeHeader([first, ...rest]: readonly (readonly string[])[]): boolean {
  const below = first.map((_, j) => rest.flatMap((row) => (row[j] === undefined || isMissing(row[j]) ? [] : [row[j]])));
  const votes = first.map((cell, j) => vote(cell, below[j]));
  const spaced = rest.length >= 3 && evenlySpaced(first) && !rest.slice(0, 3).some(evenlySpaced);
  const sum = votes.reduce((a, b) => a + b, 0) + (spaced ? 2 + 2 * votes.filter((v) => v === -1).length : 0);
  if (sum > 0) return true;
  const words = first.every((cell) => cell !== '' && !numberish(cell) && !isMissing(cell));
  return words && new Set(first).size === first.length && first.every((cell, j) => !below[j].includes(cell));
}
