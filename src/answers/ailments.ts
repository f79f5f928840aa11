/** What is wrong with chains, as their draws on training rows and their energy errors show it. Held-out rows have no say. */
import { functionSpace } from '../infer/function-space.ts';

/** R-hat of a chain's two halves above which it has not settled; autocorrelated draws reach 1.4 by chance. */
export const DRIFTING = 1.5;
/** Energy of a posterior fluctuates by √(d/2): a tenth of the steps must not err by more than this part of √d. */
export const LARGE_ENERGY_ERROR = 0.1;
/** Draws of a chain below which its halves say nothing. */
const FEWEST_DRAWS = 50;

export type AilmentName = 'stuck' | 'step too large' | 'drifts';

export interface Ailment {
  readonly chain: number;
  readonly name: AilmentName;
  /** Stuck: nats per row below the median chain, or NaN; step: 90 % quantile of |ΔE|/√d; drift: R-hat of the two halves. */
  readonly measure: number;
}

export interface Symptoms {
  /** Mean log likelihood of the same training rows, in nats per row, of some draws of every chain. */
  readonly series: readonly Float64Array[];
  /** 90 % quantile of |ΔE|/√d of every chain; null where the sampler does not tune its step, or nothing was measured. */
  readonly energyTail: readonly (number | null)[];
}

/** The chains that ail, the worst first: stuck ones, then steps too large, then drift. None for too few draws. */
export function ailments({ series, energyTail }: Symptoms): Ailment[] {
  if (series.some((chain) => chain.length < FEWEST_DRAWS)) return [];
  const sound = series.flatMap((chain, c) => (chain.every(Number.isFinite) ? [c] : []));
  const space = functionSpace(sound.map((c) => series[c]));
  if (!space) return [];
  const centre = space.chainMeans.toSorted((a, b) => a - b)[Math.floor(sound.length / 2)];
  const broken = series.flatMap((_, c): Ailment[] =>
    sound.includes(c) ? [] : [{ chain: c, name: 'stuck', measure: Number.NaN }],
  );
  const found = sound.flatMap((chain, i): Ailment[] => {
    if (space.outliers.includes(i)) return [{ chain, name: 'stuck', measure: centre - space.chainMeans[i] }];
    const tail = energyTail[chain] ?? 0;
    if (tail > LARGE_ENERGY_ERROR) return [{ chain, name: 'step too large', measure: tail }];
    const rhat = space.chainRhat[i];
    return rhat > DRIFTING ? [{ chain, name: 'drifts', measure: rhat }] : [];
  });
  const order: AilmentName[] = ['stuck', 'step too large', 'drifts'];
  const rank = ({ name }: Ailment) => order.indexOf(name);
  return [...broken, ...found.sort((a, b) => rank(a) - rank(b) || b.measure - a.measure)];
}
