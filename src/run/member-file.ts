/** Member predictions in a file, made anywhere: which columns hold what, and reading them a member at a time. */
import type { ColumnFile } from '../data/columns.ts';
import { dataError } from '../errors.ts';

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

/** Feeds means and deviations `[rows]` of every member. Throws a `DataError` for a missing or bad column. */
export async function readRegression(
  file: ColumnFile,
  { members }: MemberLayout,
  add: (mean: Float64Array, sd: Float64Array) => void,
  onMember?: OnMember,
): Promise<void> {
  const shared = file.names.includes('sd');
  const missing = shared ? undefined : members.find((k) => !file.names.includes(`sd_${k}`));
  if (missing !== undefined) {
    throw dataError(
      `${file.path}: expected a column sd_${missing} beside mean_${missing}, got none. Add it, or one sd for all.`,
    );
  }
  const common = shared ? await file.numbers('sd') : undefined;
  for (const [done, k] of members.entries()) {
    add(await file.numbers(`mean_${k}`), common ?? (await file.numbers(`sd_${k}`)));
    onMember?.(done + 1, members.length);
  }
}

/** Feeds log probabilities `[rows × classes]` of every member, the same array each time. Throws a `DataError` for a missing column. */
export async function readClassification(
  file: ColumnFile,
  { members }: MemberLayout,
  classes: readonly string[],
  add: (logProbability: Float64Array) => void,
  onMember?: OnMember,
): Promise<void> {
  const member = new Float64Array(file.rows * classes.length);
  for (const [done, k] of members.entries()) {
    for (const [c, name] of classes.entries()) {
      if (!file.names.includes(`p_${k}_${name}`)) {
        throw dataError(`${file.path}: expected a column p_${k}_${name}, got none. Every member needs every class.`);
      }
      const column = await file.numbers(`p_${k}_${name}`);
      for (let i = 0; i < file.rows; i++) member[i * classes.length + c] = Math.log(column[i]);
    }
    add(member);
    onMember?.(done + 1, members.length);
  }
}
