/** Running scores of members whose log densities of every row `[n]` are known, in nats. */
import { logMeans } from '../infer/logsum.ts';
import { meanOf } from '../math/moments.ts';

/** A point of a running score. */
export interface Running {
  readonly count: number;
  readonly lppd: number;
}

/** Points of a running score. */
const POINTS = 16;

/** LPPD of an ensemble on `rows` rows: a row counts the members that predict it, and is −∞ where there are none. */
export const lppdOf = (members: readonly Float64Array[], rows: number): number => meanOf(logMeans(members, rows));

/** First draws of all chains, then second ones, and so on. */
export function inTurns<T>(chains: readonly (readonly T[])[]): T[] {
  const longest = Math.max(...chains.map((chain) => chain.length));
  return Array.from({ length: longest }, (_, k) =>
    chains.flatMap((chain) => (k < chain.length ? [chain[k]] : [])),
  ).flat();
}

/** LPPD of the first members, of more and more of them. */
export function running(members: readonly Float64Array[]): Running[] {
  if (members.length === 0) return [];
  const counts = new Set(
    Array.from({ length: POINTS }, (_, k) => Math.max(1, Math.round(members.length ** (k / (POINTS - 1))))),
  );
  return [...counts].map((count) => ({ count, lppd: lppdOf(members.slice(0, count), members[0].length) }));
}
