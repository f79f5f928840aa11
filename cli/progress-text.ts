/** What is said of the progress of chains, in lines of 80 columns. */
import type { BlockProgress, Phase } from '../src/spec/records.ts';
import { duration } from './units.ts';

/** Mean of what is known. */
export function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? known.reduce((a, b) => a + b, 0) / known.length : null;
}

export const digits = (value: number | null): string => value?.toPrecision(3) ?? '–';

const PHASES: readonly Phase[] = ['warm start', 'warm-up', 'sampling'];

const percent = (share: number): string => `${Math.floor(100 * share)} %`;
const shareOf = ({ step, total }: BlockProgress): number => (total > 0 ? step / total : 1);

/** Seconds that the phase still needs at its present speed. */
const left = ({ step, total, first, seconds }: BlockProgress): number =>
  step > first ? (seconds / (step - first)) * (total - step) : Number.NaN;

const eta = (seconds: number): string => `ETA ${Number.isFinite(seconds) ? duration(seconds) : '–'}`;

/** Phase, step, share and ETA of a block. */
export function where(block: BlockProgress): string {
  const { phase, step, total } = block;
  return `${phase} ${step}/${total} (${percent(shareOf(block))}) ${step >= total ? 'done' : eta(left(block))}`;
}

/** One chain, the c-th of its block. */
export function chainLine(block: BlockProgress, chain: number, c: number): string {
  const { phase, step, total, value, stepSize, energyError, lppd } = block;
  const at = `${String(chain).padStart(3)} ${phase.padEnd(8)} ${percent(shareOf(block)).padStart(5)} of ${total}`;
  const time = step >= total ? 'done' : eta(left(block));
  const detail =
    phase === 'warm start'
      ? `validation loss ${value[c].toFixed(3)}`
      : `ε ${digits(stepSize[c])} ΔE ${digits(energyError[c])} LPPD ${digits(lppd[c])}`;
  return `${at.padEnd(28)} ${time.padEnd(10)} ${detail}`;
}

/** All chains that are heard of: how many are in what phase and how far in it, its ETA, and what went wrong. */
export function totalLine(blocks: ReadonlyMap<number, BlockProgress>): string {
  const ofChain = [...blocks.entries()].map(([chain, block]) => ({ block, c: block.chains.indexOf(chain) }));
  const phases = PHASES.flatMap((phase) => {
    const there = ofChain.filter(({ block }) => block.phase === phase).map(({ block }) => block);
    if (there.length === 0) return [];
    const share = meanOf(there.map(shareOf))!;
    const rest = Math.max(...there.map((block) => (block.step >= block.total ? 0 : left(block))));
    return [`${there.length} ${phase} ${percent(share)}${share < 1 ? ` ${eta(rest)}` : ''}`];
  });
  const sum = (of: (block: BlockProgress, c: number) => number) =>
    ofChain.reduce((total, { block, c }) => total + of(block, c), 0);
  const resets = sum(({ resets: counted }, c) => counted[c]);
  const nonFinite = sum(({ nonFinite: counted }, c) => counted[c]);
  const chains = `all ${blocks.size} chain${blocks.size === 1 ? '' : 's'}`;
  return `${chains}: ${phases.join(', ')}; ${resets} resets, ${nonFinite} non-finite`;
}
