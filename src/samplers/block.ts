/**
 * A block of chains as a step sees it: what is done to vectors, wherever they lie. The scalars of the chains (ε, log density) are in the
 * sampler's state, arrays `[C]`.
 */
import type { Info, Key, State } from '../types.ts';
import { emptyInfo } from './chain.ts';
import type { Answer } from './drive.ts';
import { INNER_KICK, OUTER_KICK } from './isokinetic.ts';

export interface Block {
  /** d. */
  readonly d: number;
  /** Kinetic energy changes since the mark `[C]`. */
  readonly kinetic: Float64Array;
  /** Room for the log densities before the step `[C]`. */
  readonly before: Float64Array;
  readonly info: ReturnType<typeof stepInfo>;
  /** Marks position, gradient and log density: where `restore` returns to, and where distances are measured from. */
  mark(): void;
  /** Finds log density and gradient at the present position on the step's batch: everywhere, or at least where none is cached. */
  look(everywhere: boolean): Answer;
  /**
   * Chain c has what `look` found in the place of what it had; where `share` > 0 and all is finite, the difference is a sample of
   * the noise of its gradient (`NoiseShare`).
   */
  take(c: number, share: number): Answer;
  /** Kicks every chain over `coefficient` ε, drifts over `length` ε and finds log density and gradient there. */
  move(coefficient: number, length: number): Answer;
  /** Kicks every chain over `coefficient` ε. */
  kick(coefficient: number): void;
  /** Refreshes every velocity over half a step; `half` (0 or 1) separates the two streams of step t. */
  refresh(t: number, half: 0 | 1): void;
  /** Chain c's preconditioner absorbs its gradient. */
  learn(c: number): Answer;
  /** Chain c returns to the mark, with a new velocity drawn from `key`. */
  restore(c: number, key: Key): Answer;
  /** Writes the distances from the mark `[C]`. */
  distances(moved: Float64Array): void;
}

export const stepInfo = (chains: number) => ({ ...emptyInfo(chains), ownGradients: new Float64Array(chains) });

/** Marks where every chain is, and forgets what `info` says of the last step. */
export function begin({ stepSize }: State, block: Block): void {
  const { info } = block;
  info.stepSize.set(stepSize);
  info.reset.fill(0);
  info.nonFinite.fill(0);
  block.mark();
}

/**
 * One McLachlan step of every chain on a frozen batch: kick b₁, half drift, kick b₂, half drift, kick b₁. The first kick has the cached
 * gradient; the second evaluation leaves gradient and log density of the new position.
 */
export function* mclachlan(block: Block): Generator<Promise<void>, void, void> {
  const first = block.move(OUTER_KICK, 0.5);
  if (first) yield first;
  const second = block.move(INNER_KICK, 0.5);
  if (second) yield second;
  block.kick(OUTER_KICK);
}

/** What everybody wants to know of the finished step. */
export function finish({ logDensity }: State, block: Block): Info {
  block.info.logDensity.set(logDensity);
  block.distances(block.info.moved);
  return block.info;
}
