/** Whether sampling made the mean, or the likeliest class, worse than the deep ensemble's that it started from. */
import { binomialCdf } from '../../infer/binomial.ts';
import { pairedMean } from '../../math/moments.ts';
import type { HeldOutFacts } from './held-out.ts';
import { percent } from './numbers.ts';
import type { Check } from './types.ts';

export const START = 'the deep ensemble it started from';

/** Standard errors that the mean of paired losses must exceed. */
const SIGNIFICANT = 3;
/** Or the chance, were both as good, of losing on so many rows (a sign test, which no outlier moves). */
const CHANCE = 1e-3;
/** Rows below which a standard error says little. */
const FEWEST = 20;
/** The part by which the error must grow to be told. */
const RELEVANT = 0.02;

/** Of a list over all rows, those that had no part in the choice of the start; all of them where none is left. */
export function impartial({ chose }: HeldOutFacts, values: Float64Array): Float64Array {
  const left = values.filter((_, i) => !chose?.[i]);
  return left.length > 0 ? left : values;
}

export const meanAgainstStart: Check<HeldOutFacts> = {
  name: 'mean against the start',
  find(facts) {
    if (!facts.loss || !facts.startLoss) return [];
    const [ours, theirs] = [impartial(facts, facts.loss), impartial(facts, facts.startLoss)];
    const difference = ours.map((loss, i) => loss - theirs[i]).filter(Number.isFinite);
    const n = difference.length;
    const { mean, error } = pairedMean(difference);
    const [worse, better] = [difference.filter((v) => v > 0).length, difference.filter((v) => v < 0).length];
    const chance = binomialCdf(better, worse + better, 0.5);
    const grown = growth(facts, ours, theirs);
    if (n < FEWEST || !(grown > RELEVANT) || !(mean > SIGNIFICANT * error || chance < CHANCE)) return [];
    return [
      {
        turns: false,
        message: `sampling made the ${facts.classes ? 'likeliest class' : 'mean'} worse: on ${n} rows that had no part in the choice of its start the error is ${percent(grown)} above the deep ensemble's`,
        cure: 'predict --ensemble deep hands out the other one; a smaller --prior-scale, or a --likelihood that suits the tails, often mends it',
      },
    ];
  },
};

/** By how much the root mean square, or the share of wrong classes, is larger. */
function growth({ classes }: HeldOutFacts, ours: Float64Array, theirs: Float64Array): number {
  const total = (losses: Float64Array) => losses.reduce((sum, v) => sum + v, 0);
  const ratio = total(ours) / total(theirs);
  return (classes ? ratio : Math.sqrt(ratio)) - 1;
}
