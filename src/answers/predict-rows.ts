/** Predictions of encoded rows by all members of an ensemble, a chunk of rows at a time. */
import { outsideOf } from '../data/table/outside.ts';
import type { Preprocessing } from '../data/table/preprocess.ts';
import { classificationAccumulator } from '../infer/classification.ts';
import { mixtureQuantiles } from '../infer/mixture.ts';
import { regressionAccumulator } from '../infer/regression.ts';
import type { Ensemble } from '../spec/ensemble.ts';
import type { OpenedRun } from '../spec/open-run.ts';
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
export const columnNames = ({ target }: Preprocessing, quantiles: readonly number[]): string[] => [
  ...('classes' in target ? ['predicted', ...target.classes.map((name) => `p(${name})`), 'conformal'] : ['mean']),
  ...['aleatoric', 'epistemic', ...quantiles.map((q) => `q${q}`), 'conformalLower', 'conformalUpper'],
  ...['outside', 'unusable'],
];

/** Predictions of encoded rows `[n × p]`; `onShare` hears of progress in [0, 1]. */
export async function predictEncoded(
  run: OpenedRun,
  ensemble: Ensemble,
  x: Float32Array,
  quantiles: readonly number[] = QUANTILES,
  onShare: (share: number) => void = () => {},
): Promise<PredictedRow[]> {
  const size = CHUNK * run.network.inputs;
  const calls = Math.ceil(x.length / size) * ensemble.size;
  const outside = outsideOf(run.preprocessing, x);
  const rows: PredictedRow[] = [];
  let done = 0;
  const onMember = () => onShare(++done / calls);
  for (let at = 0; at < x.length; at += size) {
    const part = x.subarray(at, at + size);
    rows.push(...(await PREDICTIONS[run.preprocessing.task](run, ensemble, part, { quantiles, onMember })));
  }
  return rows.map(({ usable, ...row }, i) => ({
    ...row,
    outside: outside[i],
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
  x: Float32Array,
  options: ChunkOptions,
) => Promise<PredictedRow[]>;

/** For each task, the predictions of a chunk of rows `[n × p]`, each with the members that were used. */
const PREDICTIONS: Readonly<Record<OpenedRun['preprocessing']['task'], ChunkPrediction>> = {
  regression: predictNumbers,
  classification: predictClasses,
};

async function predictClasses(...[run, ensemble, x, { onMember }]: Parameters<ChunkPrediction>) {
  const { classes } = run.preprocessing.target as { classes: readonly string[] };
  const n = x.length / run.network.inputs;
  const summary = classificationAccumulator(n, classes.length);
  for await (const { logProbability } of run.predict({ x }, ensemble.members())) {
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

async function predictNumbers(...[run, ensemble, x, { quantiles, onMember }]: Parameters<ChunkPrediction>) {
  const { target } = run.preprocessing;
  const { mean: shift, sd: scale } = target as { mean: number; sd: number };
  const n = x.length / run.network.inputs;
  const every = Math.ceil(ensemble.size / QUANTILE_MEMBERS);
  const kept = Array.from({ length: n }, () => ({ means: [] as number[], sds: [] as number[], predicted: 0 }));
  const law = lawOf(run);
  const summary = regressionAccumulator(n);
  for await (const { mean, sd, usable } of run.predict({ x }, ensemble.members())) {
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
