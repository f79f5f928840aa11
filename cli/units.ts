/** Amounts as people read and write them. */
import { InvalidArgumentError } from 'commander';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

export function bytes(count: number): string {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  return `${Number((count / 1000 ** power).toPrecision(3))} ${UNITS[power]}`;
}

export function duration(seconds: number): string {
  if (seconds < 90) return `${Number(seconds.toPrecision(2))} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Number((seconds / 3600).toPrecision(2))} h`;
}

/** Bytes of `4GB`, `500MB` or `1000000`. */
export function size(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?) ?([kMGT]?B)?$/.exec(text) ?? [];
  if (amount === undefined) throw new InvalidArgumentError('Expected a size such as 500MB or 4GB.');
  return Number(amount) * 1000 ** UNITS.indexOf(unit ?? 'B');
}
