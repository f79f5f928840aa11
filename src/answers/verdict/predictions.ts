/** Do the predictions hold? Checks of what was predicted for rows with known targets that were not trained on. */
import { binomialCdf } from '../../infer/binomial.ts';
import { compare, isWorse, looksWorse } from '../../infer/comparison.ts';
import { confidenceFaults, fifthCoverage, intervalFaults, LEVEL } from '../../infer/miscalibration.ts';
import { cureFor, MEND } from './cures.ts';
import type { HeldOutFacts } from './held-out.ts';
import { impartial, meanAgainstStart, START } from './mean.ts';
import { number, percent } from './numbers.ts';
import { type Answer, answerOf, type Check } from './types.ts';

/** Nats per row that predictions must lose before it matters. */
const RELEVANT = 0.1;
/** The smaller loss that is told without turning the answer. */
const NOTICED = 0.02;
/** The loss on rows that chose the start, and so flatter it, beyond which it matters all the same. */
const BIASED = 1;
/** Unusable predictions beyond this share are no matter of single draws. */
const UNUSABLE_SHARE = 0.01;
/** Parts of the range of training targets by which a mean must leave it, and miss the observation, to be called wild. */
const WILD = 0.5;
/** The error may exceed a constant's by this factor. */
const WORSE_THAN_CONSTANT = 1.1;
/** Rows named as the worst, and the chance that one of an honest ensemble's is. */
const NAMED = 3;
const SURPRISE = 1e-3;
/** Share of the validation rows that may be copies of training rows. */
const MOST_COPIED = 0.5;
/** Intervals whose shares are judged, and those that are told only: few rows lie outside, and heavy tails put some more there. */
const LEVELS = [0.5, 0.8, 0.9];
const TAILS = [0.95];
/** Rows are too few where intervals of 90 % that hold only this share would pass more often than `MISSED`. */
const PLAINLY_NARROW = 0.7;
const MISSED = 0.2;

/** The fewest rows of which something can be told: with them 90 % intervals that hold 70 % are found four times of five. */
export const FEWEST_ROWS = fewestRows();

function fewestRows(): number {
  for (let n = 10; ; n++) {
    let most = -1;
    while (binomialCdf(most + 1, n, 0.9) < LEVEL / LEVELS.length) most++;
    if (binomialCdf(most, n, PLAINLY_NARROW) >= 1 - MISSED) return n;
  }
}

const CHECKS: readonly Check<HeldOutFacts>[] = [
  {
    name: 'rows',
    find: ({ rows }) =>
      rows >= FEWEST_ROWS
        ? []
        : [
            {
              turns: false,
              few: true,
              message: `${rows} rows that were not trained on can be judged: with fewer than ${FEWEST_ROWS}, promises of 90 % that are kept 70 % of the time would often pass`,
              cure: 'raise --test, or add rows',
            },
          ],
  },
  {
    name: 'copies',
    find: ({ copied = 0 }) =>
      copied > MOST_COPIED
        ? [
            {
              turns: false,
              few: true,
              message: `${percent(copied)} of the validation rows are copies of training rows: what they chose, the end of the warm start and σ, was chosen by rows that it had learned`,
              cure: 'leave repeated rows out of the table',
            },
          ]
        : [],
  },
  {
    name: 'stopped',
    find: ({ stopped }) =>
      stopped ? [{ turns: true, message: 'the run was stopped before its end', cure: 'smile resume goes on' }] : [],
  },
  {
    name: 'unusable',
    find: ({ unusable, unpredicted = 0 }) => [
      ...(unpredicted > 0 ? [{ turns: true, message: `no draw predicts ${unpredicted} of the rows` }] : []),
      ...(unusable > UNUSABLE_SHARE
        ? [
            {
              turns: true,
              message: `${percent(unusable)} of the predictions of single draws are not finite, or have no positive deviation`,
            },
          ]
        : []),
    ],
  },
  {
    name: 'impossible',
    find({ pointwise, where }) {
      const rows = indices(pointwise).filter((i) => pointwise[i] === Number.NEGATIVE_INFINITY);
      if (rows.length === 0) return [];
      const places = rows.slice(0, NAMED).map(where).join(', ');
      const message = `${rows.length} rows were held to be impossible (a density of 0): ${places}${rows.length > NAMED ? ', …' : ''}`;
      return [{ turns: true, message, cure: 'mend predictions of exactly 0 and 1' }];
    },
  },
  {
    name: 'coverage',
    find(facts) {
      const { regression } = facts;
      if (!regression) return [];
      const faults = (levels: readonly number[]) => intervalFaults(coverageOf(regression.pit, levels), facts.rows);
      const [judged, tails] = [faults(LEVELS), faults(TAILS)];
      const { underconfident } = faults([...LEVELS, ...TAILS]);
      return [
        ...judged.overconfident.map((message) => ({ turns: true, message, cure: cureFor(facts) })),
        ...judged.doubtful.map((message) => doubt(message)),
        ...tails.overconfident.map((message) => ({ turns: false, message, cure: cureFor(facts) })),
        ...underconfident.map((message) => ({ turns: false, message, cure: MEND })),
      ];
    },
  },
  {
    name: 'coverage by fifths',
    find(facts) {
      const { regression } = facts;
      const fifths = regression && fifthCoverage(regression.mean, regression.pit);
      if (!fifths) return [];
      const shares = fifths.observed.map((share) => (100 * share).toFixed(0)).join(' / ');
      const all = `by fifths of the predicted mean its 90 % intervals hold ${shares} % of the rows`;
      if (fifths.narrow.length > 0) {
        return [{ turns: true, message: `${all}: too narrow in ${ordinals(fifths.narrow)}`, cure: cureFor(facts) }];
      }
      if (fifths.doubtful.length > 0) return [doubt(`${all}: perhaps too narrow in ${ordinals(fifths.doubtful)}`)];
      return fifths.wide.length > 0
        ? [{ turns: false, message: `${all}: wider than they need be in ${ordinals(fifths.wide)}` }]
        : [];
    },
  },
  {
    name: 'probabilities',
    find(facts) {
      const { classes } = facts;
      if (!classes) return [];
      const { overconfident, doubtful, underconfident } = confidenceFaults(classes.confidence, classes.correct);
      return [
        ...overconfident.map((message) => ({ turns: true, message, cure: MEND })),
        ...doubtful.map((message) => doubt(message)),
        ...underconfident.map((message) => ({ turns: false, message, cure: MEND })),
      ];
    },
  },
  {
    name: 'against the start',
    find(facts) {
      const { pointwise, start } = facts;
      if (!start) return [];
      const cure = 'lower the step size, or sample longer';
      const found = worse(impartial(facts, pointwise), impartial(facts, start), START, cure);
      if (found.length > 0 || !facts.chose) return found;
      return worse(pointwise, start, START, cure, BIASED);
    },
  },
  meanAgainstStart,
  {
    name: 'against a constant',
    find: (facts) =>
      facts.constant
        ? worse(facts.pointwise, facts.constant, 'a constant, the law of the training targets alone', cureFor(facts))
        : [],
  },
  {
    name: 'error',
    find({ regression }) {
      if (!regression?.trained) return [];
      const { y, mean, aleatoric, epistemic, trained } = regression;
      const [own, flat] = [rootMeanSquare(y, (i) => mean[i]), rootMeanSquare(y, () => trained.mean)];
      const promised = Math.sqrt(meanOf(y, (i) => aleatoric[i] ** 2 + epistemic[i] ** 2));
      if (own <= flat) return [];
      const message = `the RMSE of ${number(own)} is no better than that of a constant, ${number(flat)}: the features tell nothing about the target`;
      return [{ turns: own > WORSE_THAN_CONSTANT * flat && own > promised, message }];
    },
  },
  {
    name: 'outside the range',
    find({ regression, where }) {
      if (!regression?.trained) return [];
      const { y, mean, trained } = regression;
      const margin = WILD * (trained.highest - trained.lowest);
      const beyond = (v: number) => Math.max(v - trained.highest, trained.lowest - v);
      const wild = indices(y).filter((i) => beyond(mean[i]) > margin && Math.abs(y[i] - mean[i]) > margin);
      if (wild.length === 0) return [];
      const i = wild.toSorted((a, b) => beyond(mean[b]) - beyond(mean[a]))[0];
      const range = `the targets seen, ${number(trained.lowest)} to ${number(trained.highest)}`;
      const example = `${number(mean[i])} for ${where(i)}, where ${number(y[i])} was observed`;
      return [
        { turns: true, message: `${wild.length} of ${y.length} rows are predicted far outside ${range}: ${example}` },
      ];
    },
  },
  {
    name: 'epistemic',
    find({ regression, classes, draws }) {
      const epistemic = regression?.epistemic ?? classes?.epistemic;
      if (draws < 2 || !epistemic || epistemic.some((v) => v > 0)) return [];
      return [
        {
          turns: true,
          message: 'the epistemic part is exactly 0 for every row: all draws predict the same',
          cure: 'sample parameters that the prediction depends on',
        },
      ];
    },
  },
  {
    name: 'worst rows',
    find({ regression, rows, where }) {
      if (!regression) return [];
      const { y, mean, aleatoric, epistemic, pit } = regression;
      const tail = (i: number) => 2 * Math.min(pit[i], 1 - pit[i]);
      const surprising = indices(y).filter((i) => tail(i) < SURPRISE / rows);
      if (surprising.length === 0) return [];
      const deviation = (i: number) => Math.hypot(aleatoric[i], epistemic[i]);
      const named = surprising
        .toSorted((a, b) => Math.abs(y[b] - mean[b]) / deviation(b) - Math.abs(y[a] - mean[a]) / deviation(a))
        .slice(0, NAMED)
        .map((i) => `${where(i)}: ${number(mean[i])} ± ${number(deviation(i))} predicted, ${number(y[i])} observed`);
      const more = surprising.length > NAMED ? `; and ${surprising.length - NAMED} more` : '';
      return [{ turns: false, message: `rows it did not hold to be possible: ${named.join('; ')}${more}` }];
    },
  },
];

/** The answer for held-out rows; where no draw predicts any of them it is no. */
export function judgePredictions(heldOut: HeldOutFacts | undefined, draws = 0): Answer {
  if (heldOut) return answerOf(CHECKS, heldOut);
  const finding =
    draws > 0
      ? { message: `none of the ${draws} draws predicts finite numbers`, cure: 'lower --step-size' }
      : { message: 'there are no draws', cure: 'smile resume goes on' };
  return { answer: 'no', findings: [{ check: 'draws', turns: true, ...finding }] };
}

/** Something that chance may explain: nothing to refuse for, and too much to say yes. */
const doubt = (message: string) => ({
  turns: false,
  few: true as const,
  message: `${message}; chance may explain it`,
  cure: 'raise --test, or add rows, to tell',
});

const indices = (values: ArrayLike<number>) => Array.from(values, (_, i) => i);
const meanOf = (y: ArrayLike<number>, value: (i: number) => number) =>
  indices(y).reduce((sum, i) => sum + value(i), 0) / y.length;
const rootMeanSquare = (y: ArrayLike<number>, value: (i: number) => number) =>
  Math.sqrt(meanOf(y, (i) => (y[i] - value(i)) ** 2));

const ordinals = (fifths: readonly number[]) => {
  const names = ['lowest', 'second', 'middle', 'fourth', 'highest'];
  return `the ${new Intl.ListFormat('en').format(fifths.map((k) => names[k]))} fifth${fifths.length > 1 ? 's' : ''}`;
};

const coverageOf = (pit: Float64Array, levels: readonly number[]) =>
  levels.map((level) => ({
    level,
    observed: pit.filter((u) => Math.abs(u - 0.5) <= level / 2).length / pit.length,
  }));

function worse(ours: Float64Array, theirs: Float64Array, what: string, cure?: string, noticed = NOTICED) {
  const compared = compare(ours, theirs);
  if (!isWorse(compared, noticed) && !looksWorse(compared, noticed)) return [];
  const message = `it predicts worse than ${what} (LPPD ${compared.mean.toFixed(3)} ± ${compared.error.toFixed(3)} nats per row)`;
  return looksWorse(compared, RELEVANT)
    ? [doubt(message)]
    : [{ turns: isWorse(compared, RELEVANT), message, ...(cure && { cure }) }];
}
