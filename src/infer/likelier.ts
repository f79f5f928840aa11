/** Which of several models explains rows better, where the simpler one stays unless another is clearly better. */
import { meanOf, pairedMean } from '../math/moments.ts';
import { EVIDENCE } from './comparison.ts';

export interface Contender<N extends string = string> {
  readonly name: N;
  /** log predictive density of every row `[n]`, in nats, in the same unit for all. */
  readonly pointwise: Float64Array;
}

/** How a contender did against the best of those before it, in nats per row. */
interface Comparison<N extends string = string> {
  readonly against: N;
  /** Mean gain, each row's within ±`MOST`, and its standard error. */
  readonly gain: number;
  readonly error: number;
  /** Sum of the gains, each in full: the log of an e-value against the one before as the law of the rows. */
  readonly evidence: number;
}

export interface Choice<N extends string = string> {
  readonly chosen: N;
  readonly candidates: readonly {
    readonly name: N;
    readonly lppd: number;
    readonly comparison?: Comparison<N>;
  }[];
}

/** A row counts for no more than this in the mean, so that no single one makes a better model. */
const MOST = 3;
/** Standard errors, and nats per row, that a gain must exceed. */
const [SURE, RELEVANT] = [2, 0.02];

/**
 * Goes through `contenders`, the simplest first: each must beat the best before it by a mean gain of more than 0.02 nats per row and
 * more than two standard errors over the paired rows; or the rows must refute the best before it by an e-value above 1000, as a few
 * rows that it holds to be impossible do, and the contender be no worse on the rest.
 */
export function likelier<N extends string>(contenders: readonly Contender<N>[]): Choice<N> {
  let best = contenders[0];
  const candidates = contenders.map((contender, k) => {
    const { name, pointwise } = contender;
    const lppd = meanOf(pointwise);
    if (k === 0) return { name, lppd };
    const comparison = { against: best.name, ...pairedGain(pointwise, best.pointwise) };
    const { gain, error, evidence } = comparison;
    const refuted = evidence > EVIDENCE && gain > -SURE * error;
    if (refuted || gain > Math.max(RELEVANT, SURE * error)) best = contender;
    return { name, lppd, comparison };
  });
  return { chosen: best.name, candidates };
}

/** Of a over b; where neither gives a row any density it is a tie, and one that is not a number loses. */
function pairedGain(a: Float64Array, b: Float64Array): { gain: number; error: number; evidence: number } {
  const whole = a.map((value, i) => (value === b[i] ? 0 : number(value) - number(b[i])));
  const { mean: gain, error } = pairedMean(whole.map(within));
  return { gain, error, evidence: whole.reduce((sum, v) => sum + v, 0) };
}

const number = (density: number): number => (Number.isNaN(density) ? Number.NEGATIVE_INFINITY : density);
const within = (gain: number): number => (Number.isNaN(gain) ? 0 : Math.min(MOST, Math.max(-MOST, gain)));
