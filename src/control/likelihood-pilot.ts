/**
 * The choice of `likelihood: auto`: before the run's configuration is settled, two small members of each candidate are trained on
 * some of the training rows and compared on validation rows. Bounded work, whatever the run's length: the choice does not change
 * with `steps`.
 */

import { chainKey } from '../chains/attempt.ts';
import { parameterMasks, settleSigma, validationLoss } from '../chains/validation-loss.ts';
import { batchStream } from '../data/batches.ts';
import type { Parts } from '../data/split.ts';
import type { Preprocessing } from '../data/table/preprocess.ts';
import { type TableRows, tableRows } from '../data/table/rows.ts';
import { type Choice, likelier } from '../infer/likelier.ts';
import { logSums } from '../infer/logsum.ts';
import { stream } from '../math/threefry.ts';
import { REGRESSION_LIKELIHOODS, type RegressionLikelihood } from '../models/likelihood.ts';
import { initial } from '../models/posterior.ts';
import { blockDensity } from '../spec/compute.ts';
import { networkOf } from '../spec/network.ts';
import type { FitSpec } from '../spec/spec.ts';
import { asTheNetworkSees, isPositive, logJacobian } from '../spec/target-law.ts';
import { untrained, warmStart } from '../train/warm-start.ts';

/** Members of each candidate. */
const MEMBERS = 2;
/** Rows and epochs that a candidate may take: 160,000 gradients of a row, where each chain of a default fit takes five million. */
const [TRAIN_ROWS, VALID_ROWS, EPOCHS, PATIENCE] = [2000, 2000, 40, 8];
/** Validation rows below which no comparison is worth its name. */
const FEWEST_ROWS = 20;
/** Skewness of a target from which its logarithm is tried; Bulmer's (1979) "moderately skewed". */
const SKEWED = 0.5;

/** The choice with what it rests on, as it is stored in the run. */
export interface LikelihoodChoice extends Choice<RegressionLikelihood> {
  readonly trainRows: number;
  readonly validRows: number;
  /** The choice in words. */
  readonly said: string;
}

/** Tries the likelihoods of a regression. The same for any number of workers, and for any length of the run. */
export async function chooseLikelihood(
  spec: FitSpec,
  preprocessing: Preprocessing,
  data: Parts<TableRows>,
): Promise<LikelihoodChoice> {
  const [train, valid] = [some(data.train, TRAIN_ROWS), some(data.valid, VALID_ROWS)];
  const rows = { trainRows: train.y.length, validRows: valid.y.length };
  if (valid.y.length < FEWEST_ROWS) {
    const said = `likelihood gaussian: ${valid.y.length} validation rows are too few to compare others`;
    return { chosen: 'gaussian', candidates: [], ...rows, said };
  }
  const contenders = [];
  for (const name of candidates(preprocessing, data, train.y)) {
    contenders.push({ name, pointwise: await tried(name, spec, preprocessing, train, valid) });
  }
  const choice = likelier(contenders);
  return { ...choice, ...rows, said: inWords(choice, rows.validRows) };
}

function candidates(preprocessing: Preprocessing, data: Parts<TableRows>, y: Float64Array): RegressionLikelihood[] {
  const logarithm = isPositive(preprocessing, Object.values(data)) && skewness(y) > SKEWED;
  return REGRESSION_LIKELIHOODS.filter((name) => name !== 'log-normal' || logarithm);
}

function skewness(y: Float64Array): number {
  const mean = y.reduce((sum, v) => sum + v, 0) / y.length;
  const moment = (power: number) => y.reduce((sum, v) => sum + (v - mean) ** power, 0) / y.length;
  return moment(3) / moment(2) ** 1.5;
}

/** log predictive density of the validation rows by members that were trained with this likelihood. */
async function tried(
  name: RegressionLikelihood,
  asked: FitSpec,
  preprocessing: Preprocessing,
  train: TableRows,
  valid: TableRows,
): Promise<Float64Array> {
  const spec = pilotSpec(asked, name);
  const network = networkOf(spec, preprocessing, () => {
    throw new Error('a pilot brings no network');
  });
  const run = { spec, preprocessing, network };
  const { warmStart: w, seed } = spec;
  const keys = Array.from({ length: MEMBERS }, (_, member) => chainKey(seed, member));
  const size = Math.min(w.batchSize, train.y.length);
  const batches = batchStream(
    asTheNetworkSees(run, train),
    keys.map((key) => stream(key, 'train')),
    size,
  );
  const flat = { priorScale: Number.POSITIVE_INFINITY, factor: batches.factor };
  const posterior = await blockDensity(run, { chains: MEMBERS, rows: size }, flat);
  const validation = await validationLoss(run, valid, MEMBERS);
  const start = Float64Array.from(keys.flatMap((key) => [...initial(network, stream(key, 'init'))]));
  const state = untrained(start, MEMBERS);
  await warmStart(state, {
    logLikelihood: posterior.density,
    rows: train.y.length,
    batchAt: batches.at,
    batchSize: size,
    validationLoss: validation.loss,
    rate: w,
    betas: w.betas,
    clip: w.clip,
    decay: parameterMasks(network, w.weightDecay).decay,
    fixed: new Float64Array(network.dim),
    epochs: EPOCHS,
    patience: PATIENCE,
  });
  await settleSigma(state.best, network, validation.loss);
  const mixed = logSums(valid.y.length);
  for (const member of await validation.rows(state.best)) {
    for (const [i, density] of member.entries()) mixed.add(i, density);
  }
  await posterior.release();
  await validation.release();
  const jacobian = logJacobian(run, valid.y);
  return valid.y.map((_, i) => mixed.value(i) - Math.log(MEMBERS) + jacobian[i]);
}

/** One thread of the processor and one call for all members, so that nothing depends on the machine. */
const pilotSpec = (asked: FitSpec, likelihood: RegressionLikelihood): FitSpec => ({
  ...asked,
  model: { ...asked.model, likelihood },
  compute: { ...asked.compute, device: 'cpu', threads: 1, sharing: 'operators', chainsPerGraph: MEMBERS },
});

/** Rows spread evenly, `most` at most. */
function some({ x, y, inputs, targets }: TableRows, most: number): TableRows {
  const rows = Math.min(most, y.length);
  const at = (i: number) => Math.floor((i * y.length) / rows);
  const taken = new Float32Array(rows * inputs);
  for (let i = 0; i < rows; i++) taken.set(x.subarray(at(i) * inputs, (at(i) + 1) * inputs), i * inputs);
  return tableRows({ x: taken, y: Float64Array.from({ length: rows }, (_, i) => y[at(i)]), inputs, targets });
}

function inWords({ chosen, candidates: tried }: Choice, rows: number): string {
  const numbers = tried.map(({ name, lppd }) => `${name} ${lppd.toFixed(3)}`).join(', ');
  const why = chosen === tried[0].name ? 'no other is clearly better' : 'clearly better than simpler ones';
  return `likelihood ${chosen}, ${why} on ${rows} validation rows (nats per row of small trials: ${numbers}); --likelihood sets it`;
}
