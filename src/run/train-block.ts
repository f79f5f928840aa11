/** The warm start of a block: trains its members, or trains them on, and stores them. */
import { batchStream, featuresFirst, gather } from '../data/batches.ts';
import { sumOf } from '../math/sums.ts';
import { stream } from '../math/threefry.ts';
import { LOG_SIGMA } from '../models/likelihood.ts';
import { sizeOf } from '../models/model.ts';
import { type BayesianNetwork, initial, likelihoodGraph } from '../models/posterior.ts';
import { runPaths } from '../store/rundir.ts';
import { writeTensors } from '../store/safetensors.ts';
import { type TrainState, untrained, warmStart } from '../train/warm-start.ts';
import { CHECKPOINT_SECONDS, type ClaimedBlock, chainKey } from './block-options.ts';
import { blockDensity, compileFor } from './compute.ts';
import type { LoadedRun, SplitData } from './load.ts';
import { progressReporter } from './progress.ts';
import { type Standings, saveTraining, timer } from './standing.ts';

/**
 * Trains the block's members from where they stand, stores them, and returns their parameters `[C × d]`; undefined where it was
 * stopped before the end (what there is of the members is stored all the same).
 */
export async function trainBlock(
  run: LoadedRun,
  data: SplitData,
  { chains, claims, stopped, onProgress, checkpointSeconds = CHECKPOINT_SECONDS }: ClaimedBlock,
  standing: Standings['training'],
): Promise<Float64Array | undefined> {
  const { dir, spec, network } = run;
  const { warmStart: w, seed } = spec;
  const d = network.dim;
  const keys = chains.map((chain) => chainKey(seed, chain));
  const batches = batchStream(
    data.train,
    keys.map((key) => stream(key, 'train')),
    w.batchSize,
  );
  const flat = { priorScale: Number.POSITIVE_INFINITY, factor: batches.scale };
  const posterior = await blockDensity(run, { chains: chains.length, rows: w.batchSize }, flat);
  const validation = await validationLoss(run, data, chains.length);
  const { noise, decay } = parameterMasks(network, w.weightDecay);
  const state = standing ?? untrained(starts(network, keys), chains.length);
  if (w.epochs === 0) await keepAsBrought(state, network, validation.loss);
  const report = progressReporter(chains, onProgress);
  const due = timer(checkpointSeconds);
  let interrupted = false;
  await warmStart(state, {
    logLikelihood: posterior.density,
    rows: data.train.y.length,
    batchAt: batches.at,
    batchSize: w.batchSize,
    validationLoss: validation.loss,
    learningRate: w.learningRate,
    decay,
    // The paper trains with σ = 1 and samples log σ from there.
    fixed: spec.sampler.mode === 'paper' ? noise : new Float64Array(d),
    schedule: w.schedule,
    epochs: w.epochs,
    patience: w.patience,
    onEpoch: (epoch, { loss }) => {
      report('warm start', epoch + 1, w.epochs, () => ({ value: loss }));
      interrupted = stopped();
      if (interrupted || due()) saveTraining(run, chains, claims, state);
      return interrupted;
    },
  });
  await posterior.release();
  await validation.release();
  chains.forEach((chain, c) => {
    const tensors = { theta: { shape: [d], data: state.best.slice(c * d, (c + 1) * d) } };
    const metadata = { loss: String(state.loss[c]), epochs: String(state.epochs[c]) };
    writeTensors(runPaths(dir).member(chain), { tensors, metadata }, claims[c].check);
  });
  return interrupted ? undefined : state.best;
}

function starts(network: BayesianNetwork, keys: readonly (readonly [number, number])[]): Float64Array {
  const start = new Float64Array(keys.length * network.dim);
  keys.forEach((key, c) => {
    start.set(initial(network, stream(key, 'init')), c * network.dim);
  });
  return start;
}

/**
 * Members that are not trained: their loss, and a learned log σ where σ² is the mean squared residual of the validation
 * rows, which follows from the loss at σ = 1: ½ mean r² + ½ log 2π.
 */
async function keepAsBrought(
  state: TrainState,
  { parameters, dim }: BayesianNetwork,
  lossAt: (theta: Float64Array) => Promise<Float64Array>,
): Promise<void> {
  const loss = await lossAt(state.best);
  if (parameters.at(-1)!.name === LOG_SIGMA) {
    loss.forEach((value, c) => {
      state.best[(c + 1) * dim - 1] = 0.5 * Math.log(Math.max(2 * value - Math.log(2 * Math.PI), LEAST_VARIANCE));
    });
  }
  state.loss.set(await lossAt(state.best));
}

/** Of a network that hits every validation target: σ = 10⁻³ of the target's deviation. */
const LEAST_VARIANCE = 1e-6;

/** Rows of one call, so that networks with many activations stay within memory. */
const VALIDATION_ROWS = 2048;

/** Mean negative log likelihood of every member on all validation rows. */
async function validationLoss(run: LoadedRun, { valid }: SplitData, chains: number) {
  const { network } = run;
  const rows = valid.y.length;
  const columns = featuresFirst(valid.x, network.inputs);
  const labels = Float32Array.from(valid.y);
  const { targets } = network.likelihood;
  const size = Math.min(rows, VALIDATION_ROWS);
  const graph = await compileFor(run, likelihoodGraph(network, chains, size));
  // The last part overlaps the one before it; what was counted there is left out.
  const parts = Array.from({ length: Math.ceil(rows / size) }, (_, k) => {
    const from = Math.min(k * size, rows - size);
    const batch = {
      x: new Float32Array(chains * network.inputs * size),
      y: new Float32Array(chains * targets * size),
    };
    const picked = Int32Array.from({ length: size }, (_, i) => from + i);
    for (let c = 0; c < chains; c++) gather(columns, labels, picked, batch, c, targets);
    return { batch, skip: k * size - from };
  });
  return {
    async loss(theta: Float64Array): Promise<Float64Array> {
      const sums = new Float64Array(chains);
      for (const { batch, skip } of parts) {
        const { logLikelihood } = await graph.run({ theta, ...batch });
        for (let c = 0; c < chains; c++) sums[c] += sumOf(logLikelihood, c * size + skip, (c + 1) * size);
      }
      return sums.map((sum) => -sum / rows);
    },
    release: graph.release,
  };
}

/** 1 at the noise parameters, and the weight decay, which spares them; both `[d]`. */
function parameterMasks(network: BayesianNetwork, weightDecay: number) {
  const noise = Float64Array.from(
    network.parameters.flatMap(({ name, shape }) => new Array(sizeOf(shape)).fill(name === LOG_SIGMA ? 1 : 0)),
  );
  return { noise, decay: noise.map((isNoise) => (isNoise ? 0 : weightDecay)) };
}
