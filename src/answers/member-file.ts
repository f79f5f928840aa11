/** Member predictions in a file, made anywhere: which columns hold what, and reading them a member at a time. */
import type { ColumnFile } from '../data/table/column-file.ts';
import { dataError } from '../errors.ts';
import { usableNormal } from '../infer/usable.ts';

export type MemberLayout =
  | { readonly task: 'regression'; readonly members: readonly string[] }
  | { readonly task: 'classification'; readonly members: readonly string[]; readonly classes: readonly string[] };

/**
 * For a regression `mean_<k>` with `sd_<k>` (or one `sd` for all members), for a classification `p_<k>_<class>`. Throws a `DataError`
 * where neither is there.
 */
export function memberLayout({ names, path }: ColumnFile): MemberLayout {
  const found = (pattern: RegExp) => [...new Set(names.flatMap((name) => pattern.exec(name)?.[1] ?? []))];
  const means = found(/^mean_(.+)$/);
  if (means.length > 0) return { task: 'regression', members: means };
  const members = found(/^p_([^_]+)_.+$/);
  if (members.length > 0) return { task: 'classification', members, classes: found(/^p_[^_]+_(.+)$/) };
  throw dataError(
    `${path}: expected columns mean_<k> and sd_<k>, or p_<k>_<class>, got ${names.slice(0, 5).join(', ')} …. Rename them.`,
  );
}

export type OnMember = ((done: number, total: number) => void) | undefined;

/**
 * Feeds means and deviations `[rows]` of every member and returns what is to be said of them. A cell may be missing: the rule of
 * `infer/usable` leaves out that prediction. Throws a `DataError` for a missing or bad column.
 */
export async function readRegression(
  file: ColumnFile,
  { members }: MemberLayout,
  add: (mean: Float64Array, sd: Float64Array) => void,
  onMember?: OnMember,
): Promise<string[]> {
  const shared = file.names.includes('sd');
  const missing = shared ? undefined : members.find((k) => !file.names.includes(`sd_${k}`));
  if (missing !== undefined) {
    throw dataError(
      `${file.path}: expected a column sd_${missing} beside mean_${missing}, got none. Add it, or one sd for all.`,
    );
  }
  const common = shared ? await file.numbersWithGaps('sd') : undefined;
  const faults = { sigma: new Map<string, number>(), gap: new Map<string, number>() };
  for (const [done, k] of members.entries()) {
    const mean = await file.numbersWithGaps(`mean_${k}`);
    const sd = common ?? (await file.numbersWithGaps(`sd_${k}`));
    const narrow = mean.reduce((count, mu, i) => count + Number(Number.isFinite(mu) && sd[i] <= 0), 0);
    const gaps = mean.reduce((count, mu, i) => count + Number(!usableNormal(mu, sd[i])), 0) - narrow;
    if (narrow > 0) faults.sigma.set(k, narrow);
    if (gaps > 0) faults.gap.set(k, gaps);
    add(mean, sd);
    onMember?.(done + 1, members.length);
  }
  return [
    ...leftOutNote(faults.sigma, file.rows, 'σ must be positive, and is not'),
    ...leftOutNote(faults.gap, file.rows, 'a mean or σ is missing or not finite'),
  ];
}

/** Members named in a note. */
const NAMED = 3;

function leftOutNote(members: ReadonlyMap<string, number>, rows: number, what: string): string[] {
  if (members.size === 0) return [];
  const named = [...members].slice(0, NAMED).map(([k, count]) => `in ${count} of ${rows} rows of member ${k}`);
  const more = members.size > NAMED ? ` and in ${members.size - NAMED} members more` : '';
  return [`${what} ${named.join(', ')}${more}; those predictions were left out`];
}

/** Sums of a row's probabilities this far from 1 are their rounding; further off they are none. */
const ROUNDED = 0.05;
/** Sums closer to 1 than this need no word. */
const EXACT = 1e-4;

/**
 * Feeds log probabilities `[rows × classes]` of every member, the same array each time, and returns what is to be said of them. Rounded
 * probabilities are divided by their sum. Throws a `DataError` for a missing column, or what is no probability.
 */
export async function readClassification(
  file: ColumnFile,
  { members }: MemberLayout,
  classes: readonly string[],
  add: (logProbability: Float64Array) => void,
  onMember?: OnMember,
): Promise<string[]> {
  const member = new Float64Array(file.rows * classes.length);
  const gaps = new Map<string, number>();
  const rounded = { predictions: 0, low: 1, high: 1 };
  for (const [done, k] of members.entries()) {
    for (const [c, name] of classes.entries()) {
      if (!file.names.includes(`p_${k}_${name}`)) {
        throw dataError(`${file.path}: expected a column p_${k}_${name}, got none. Every member needs every class.`);
      }
      const column = await file.numbersWithGaps(`p_${k}_${name}`);
      const bad = column.findIndex((p) => p < 0 || p > 1 + ROUNDED);
      if (bad >= 0) {
        throw dataError(
          `${file.path}: expected a probability in column p_${k}_${name}, row ${bad + 1}, got ${column[bad]}. Pass the softmax of the logits.`,
        );
      }
      for (let i = 0; i < file.rows; i++) member[i * classes.length + c] = column[i];
    }
    let missing = 0;
    for (let i = 0; i < file.rows; i++) {
      const row = member.subarray(i * classes.length, (i + 1) * classes.length);
      const sum = row.reduce((total, p) => total + p, 0);
      if (!Number.isFinite(sum)) missing++;
      if (Math.abs(sum - 1) > ROUNDED) {
        throw dataError(
          `${file.path}: expected probabilities of member ${k} that sum to 1 in row ${i + 1}, got ${sum}. Pass the softmax of the logits.`,
        );
      }
      if (Math.abs(sum - 1) > EXACT) {
        rounded.predictions++;
        [rounded.low, rounded.high] = [Math.min(rounded.low, sum), Math.max(rounded.high, sum)];
      }
      for (let c = 0; c < row.length; c++) row[c] = Math.log(row[c] / sum);
    }
    if (missing > 0) gaps.set(k, missing);
    add(member);
    onMember?.(done + 1, members.length);
  }
  const { predictions, low, high } = rounded;
  const note =
    predictions > 0
      ? [
          `the probabilities of ${predictions} of ${file.rows * members.length} predictions sum to ${low.toPrecision(4)} … ${high.toPrecision(4)}: they are rounded, and were divided by their sum`,
        ]
      : [];
  return [...note, ...leftOutNote(gaps, file.rows, 'a probability is missing or not finite')];
}
