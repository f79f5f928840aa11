/** Predictions of encoded rows by all members of an ensemble, a chunk of rows at a time. */
import { type Asked, between } from '../data/asked.ts';
import { kindOf, type Learned } from '../data/learned.ts';
import { classificationAccumulator } from '../infer/classification.ts';
import { mixtureQuantiles } from '../infer/mixture.ts';
import { regressionAccumulator } from '../infer/regression.ts';
import type { Ensemble } from '../spec/ensemble.ts';
import type { OpenedRun } from '../spec/opened-run.ts';
import { lawOf } from '../spec/target-law.ts';

/**
 * A prediction of one row: named numbers and, for classes, the most probable class; NaN, or an empty word, where no member predicts the
 * row. `outside` names the columns by which it lies outside what the training rows showed, joined by `|`; `unusable` counts the members
 * that were left out of it.
 */
export type PredictedRow = Readonly<Record<string, number | string>>;

export const QUANTILES = [0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975];
/** Rows predicted at a time. */
const CHUNK = 1024;
/** Quantiles are those of at most about this many members, spread evenly over all that predict the row. */
const QUANTILE_MEMBERS = 1000;

/** Names that the columns of predictions may have, conformal ones included. */
export const columnNames = ({ target }: Learned, quantiles: readonly number[]): string[] => [
  ...('classes' in target ? ['predicted', ...target.classes.map((name) => `p(${name})`), 'conformal'] : ['mean']),
  ...['aleatoric', 'epistemic', ...quantiles.map((q) => `q${q}`), 'conformalLower', 'conformalUpper'],
  ...['outside', 'unusable'],
];

/** Predictions, one of each answer that is asked for; `onShare` hears of progress in [0, 1]. `outside` is left empty. */
export async function predictEncoded(
  run: OpenedRun,
  ensemble: Ensemble,
  asked: Asked,
  quantiles: readonly number[] = QUANTILES,
  onShare: (share: number) => void = () => {},
): Promise<PredictedRow[]> {
  const size = Math.ceil(CHUNK / asked.places);
  const calls = Math.ceil(asked.rows / size) * ensemble.size;
  const predictChunk = kindOf(run.preprocessing) === 'text' ? predictTokens : PREDICTIONS[run.preprocessing.task];
  const rows: PredictedRow[] = [];
  let done = 0;
  const onMember = () => onShare(++done / calls);
  for (let at = 0; at < asked.rows; at += size) {
    const part = between(asked, at, Math.min(at + size, asked.rows));
    rows.push(...(await predictChunk(run, ensemble, part, { quantiles, onMember })));
  }
  return rows.map(({ usable, ...row }) => ({
    ...row,
    outside: '',
    unusable: ensemble.size - Number(usable),
  }));
}

interface ChunkOptions {
  readonly quantiles: readonly number[];
  /** Hears of each member that has predicted the chunk. */
  readonly onMember: () => void;
}

type ChunkPrediction = (
  run: OpenedRun,
  ensemble: Ensemble,
  asked: Asked,
  options: ChunkOptions,
) => Promise<PredictedRow[]>;

/** For each task, the predictions of a chunk of rows, each with the members that were used. */
const PREDICTIONS: Readonly<Record<OpenedRun['preprocessing']['task'], ChunkPrediction>> = {
  regression: predictNumbers,
  classification: predictClasses,
};

/** Of each token what was the most probable, and how probable the one that is there. */
async function predictTokens(...[run, ensemble, asked, { onMember }]: Parameters<ChunkPrediction>) {
  const { classes } = run.preprocessing.target as { classes: readonly string[] };
  const summary = classificationAccumulator(asked.count, classes.length, asked.y);
  for await (const { logProbability } of run.predict(asked, ensemble.members())) {
    summary.add(logProbability);
    onMember();
  }
  const { predicted, pointwise, aleatoric, epistemic, usable } = summary.result();
  return Array.from(
    asked.y,
    (_, i): PredictedRow => ({
      predicted: classes[predicted[i]] ?? '',
      logProbability: usable[i] > 0 ? pointwise[i] : Number.NaN,
      aleatoric: aleatoric[i],
      epistemic: epistemic[i],
      usable: usable[i],
    }),
  );
}

async function predictClasses(...[run, ensemble, asked, { onMember }]: Parameters<ChunkPrediction>) {
  const { classes } = run.preprocessing.target as { classes: readonly string[] };
  const n = asked.count;
  const summary = classificationAccumulator(n, classes.length);
  for await (const { logProbability } of run.predict(asked, ensemble.members())) {
    summary.add(logProbability);
    onMember();
  }
  const { probability, predicted, aleatoric, epistemic, usable } = summary.result();
  return Array.from(
    { length: n },
    (_, i): PredictedRow => ({
      predicted: classes[predicted[i]] ?? '',
      ...Object.fromEntries(classes.map((name, k) => [`p(${name})`, probability[i * classes.length + k]])),
      aleatoric: aleatoric[i],
      epistemic: epistemic[i],
      usable: usable[i],
    }),
  );
}

async function predictNumbers(...[run, ensemble, asked, { quantiles, onMember }]: Parameters<ChunkPrediction>) {
  const { target } = run.preprocessing;
  const { mean: shift, sd: scale } = target as { mean: number; sd: number };
  const n = asked.count;
  const every = Math.ceil(ensemble.size / QUANTILE_MEMBERS);
  const kept = Array.from({ length: n }, () => ({ means: [] as number[], sds: [] as number[], predicted: 0 }));
  const law = lawOf(run);
  const summary = regressionAccumulator(n);
  for await (const { mean, sd, usable } of run.predict(asked, ensemble.members())) {
    summary.add(mean, sd);
    kept.forEach((row, i) => {
      if (!usable(i) || row.predicted++ % every > 0) return;
      row.means.push(mean[i]);
      row.sds.push(sd[i]);
    });
    onMember();
  }
  const { mean, aleatoric, epistemic, usable } = summary.result();
  return kept.map(({ means, sds }, i): PredictedRow => {
    const levels = means.length > 0 ? mixtureQuantiles(means, sds, quantiles, law) : quantiles.map(() => Number.NaN);
    return {
      mean: shift + scale * mean[i],
      aleatoric: scale * aleatoric[i],
      epistemic: scale * epistemic[i],
      ...Object.fromEntries(quantiles.map((q, k) => [`q${q}`, shift + scale * levels[k]])),
      usable: usable[i],
    };
  });
}
