/** The verdict of a run: what the checks need of it, and their three answers. */
import type { FunctionSpace } from '../../infer/function-space.ts';
import type { LoadedRun, SplitData } from '../../spec/loaded-run.ts';
import { runPrior } from '../../spec/prior.ts';
import type { ChainSummary } from '../../spec/records.ts';
import type { Repair } from '../repaired.ts';
import type { PointwiseScores } from '../scores.ts';
import { constantDensities } from './constant.ts';
import type { HeldOutFacts } from './held-out.ts';
import { judgePredictions } from './predictions.ts';
import { tableFacts } from './rows.ts';
import { SAMPLING } from './sampling.ts';
import { copies, TABLE, type Twins } from './table.ts';
import { answerOf, type Verdict } from './types.ts';

/** Scores of both held-out splits. */
type HeldOutScores = Readonly<Record<'valid' | 'test', PointwiseScores>>;

export interface Evidence {
  readonly data: SplitData;
  readonly deep: HeldOutScores;
  /** Undefined without draws. */
  readonly bayes: HeldOutScores | undefined;
  readonly chains: readonly ChainSummary[];
  readonly repairs: readonly Repair[];
  readonly convergence: FunctionSpace | undefined;
}

/** Validation and test rows are judged together, less those that are copies of training rows. */
export function judge(run: LoadedRun, { data, deep, bayes, chains, repairs, convergence }: Evidence): Verdict {
  const { spec, network, manifest } = run;
  const facts = tableFacts(run, data);
  const predictions = judgePredictions(
    bayes && bayes.valid.members > 0
      ? {
          ...heldOut(run, data, deep, bayes, facts.twins),
          stopped: manifest.endedBy === undefined && chains.some(({ status }) => status === 'stopped'),
        }
      : undefined,
    chains.reduce((sum, { draws }) => sum + draws, 0),
  );
  const sampling = answerOf(
    SAMPLING,
    {
      spec,
      priorDeviation: runPrior(spec.model, network.parameters).deviation,
      chains,
      repairs,
      convergence,
      nonFinite: { start: deep.valid.nonFiniteMembers, draws: bayes?.valid.nonFiniteMembers ?? 0 },
      endedBy: manifest.endedBy,
    },
    'too few draws to tell',
  );
  return { predictions, sampling, table: answerOf(TABLE, facts), trusted: predictions.answer === 'yes' };
}

const HELD_OUT = ['valid', 'test'] as const;
const NAMES = { valid: 'validation', test: 'test' };

function heldOut(
  { preprocessing: { target }, network }: LoadedRun,
  data: SplitData,
  deep: HeldOutScores,
  bayes: HeldOutScores,
  twins: Twins,
): HeldOutFacts {
  const leaveOut = copies(twins) > 0;
  const kept = HELD_OUT.map((split) =>
    Array.from(data[split].y, (_, i) => i).filter((i) => bayes[split].usable[i] > 0 && !(leaveOut && twins[split][i])),
  );
  const pick = (of: (split: 'valid' | 'test') => ArrayLike<number>) =>
    Float64Array.from(HELD_OUT.flatMap((split, s) => kept[s].map((i) => of(split)[i])));
  const places = HELD_OUT.flatMap((split, s) =>
    kept[s].map((i) => `row ${data[split].rows?.[i] ?? `${i + 1} of the ${NAMES[split]} rows`}`),
  );
  const constant = {
    valid: constantDensities(data, data.valid.y, target),
    test: constantDensities(data, data.test.y, target),
  };
  const common = {
    rows: places.length,
    copied: leaveOut ? twins.valid.reduce((sum, twin) => sum + twin, 0) / twins.valid.length : 0,
    pointwise: pick((split) => bayes[split].pointwise),
    start: pick((split) => deep[split].pointwise),
    chose: Uint8Array.from(HELD_OUT.flatMap((split, s) => kept[s].map(() => Number(split === 'valid')))),
    loss: pick((split) => losses(data[split].y, bayes[split])),
    startLoss: pick((split) => losses(data[split].y, deep[split])),
    constant: pick((split) => constant[split]),
    unusable: unusableShare(bayes),
    unpredicted: HELD_OUT.reduce((sum, split) => sum + (bayes[split].leftOut?.emptyRows ?? 0), 0),
    draws: bayes.valid.members,
    likelihood: network.likelihood.name,
    where: (i: number) => places[i],
  };
  if ('classes' in target) {
    const said = (name: 'confidence' | 'correct' | 'epistemic') => pick((split) => bayes[split].classes?.[name] ?? []);
    return {
      ...common,
      classes: { confidence: said('confidence'), correct: said('correct'), epistemic: said('epistemic') },
    };
  }
  const said = (name: 'mean' | 'aleatoric' | 'epistemic' | 'pit') =>
    pick((split) => bayes[split].numbers?.[name] ?? []);
  const raw = (v: number) => target.mean + target.sd * v;
  const wide = (v: number) => target.sd * v;
  const [lowest, highest] = [Math.min, Math.max].map((most) => raw(data.train.y.reduce((a, b) => most(a, b))));
  const mean = raw(data.train.y.reduce((a, b) => a + b, 0) / data.train.y.length);
  return {
    ...common,
    regression: {
      y: pick((split) => data[split].y).map(raw),
      mean: said('mean').map(raw),
      aleatoric: said('aleatoric').map(wide),
      epistemic: said('epistemic').map(wide),
      pit: said('pit'),
      trained: { lowest, highest, mean },
    },
  };
}

/** Squared errors of the mean, of the standardised target; or 1 where the class is wrong. */
const losses = (y: Float64Array, { numbers, classes }: PointwiseScores): Float64Array =>
  numbers ? y.map((v, i) => (v - numbers.mean[i]) ** 2) : y.map((_, i) => 1 - (classes?.correct[i] ?? Number.NaN));

/** Share of pairs of a draw and a row. */
function unusableShare(bayes: HeldOutScores): number {
  const sum = (of: (scores: PointwiseScores) => number) =>
    HELD_OUT.reduce((total, split) => total + of(bayes[split]), 0);
  const left = sum(({ leftOut }) => leftOut?.predictions ?? 0);
  return left / (left + sum(({ usable }) => usable.reduce((total, members) => total + members, 0)));
}
