/** The warm start of a block: trains its members, or trains them on, and stores them. */
import { batchStream } from '../data/batches.ts';
import { storeError } from '../errors.ts';
import { stream } from '../math/threefry.ts';
import { type BayesianNetwork, initial } from '../models/posterior.ts';
import { blockDensity } from '../spec/compute.ts';
import type { LoadedRun, SplitData } from '../spec/loaded-run.ts';
import { asTheNetworkSees } from '../spec/target-law.ts';
import { writeMember } from '../store/member.ts';
import { runPaths } from '../store/rundir.ts';
import { untrained, warmStart } from '../train/warm-start.ts';
import { chainKey } from './attempt.ts';
import { CHECKPOINT_SECONDS, type ClaimedBlock } from './block-options.ts';
import { type Standings, saveTraining, timer } from './checkpoint.ts';
import { progressReporter } from './progress.ts';
import { parameterMasks, settleSigma, validationLoss } from './validation-loss.ts';

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
  if (w.members !== undefined) {
    throw storeError(
      `${runPaths(dir).members}: expected members ${chains.join(', ')}, taken from ${w.members}, got none. Restore them, or fit anew.`,
    );
  }
  const d = network.dim;
  const keys = chains.map((chain) => chainKey(seed, chain));
  const batches = batchStream(
    asTheNetworkSees(run, data.train),
    keys.map((key) => stream(key, 'train')),
    w.batchSize,
    'all',
    w.augment ? keys.map((key) => stream(key, 'augment')) : undefined,
  );
  const flat = { priorScale: Number.POSITIVE_INFINITY, factor: batches.factor };
  const posterior = await blockDensity(run, { chains: chains.length, rows: w.batchSize }, flat);
  const validation = await validationLoss(run, data.valid, chains.length);
  const { noise, decay } = parameterMasks(network, w.weightDecay);
  const state = standing ?? untrained(untrainedValues(network, keys, chains), chains.length);
  let interrupted = false;
  try {
    if (w.epochs === 0) {
      await settleSigma(state.best, network, validation.loss);
      state.loss.set(await validation.loss(state.best));
    }
    const report = progressReporter(chains, onProgress);
    const due = timer(checkpointSeconds);
    await warmStart(state, {
      logLikelihood: posterior.density,
      rows: data.train.count,
      batchAt: batches.at,
      batchSize: w.batchSize,
      validationLoss: validation.loss,
      rate: w,
      betas: w.betas,
      clip: w.clip,
      decay,
      // The paper trains with σ = 1 and samples log σ from there.
      fixed: spec.sampler.mode === 'paper' ? noise : new Float64Array(d),
      epochs: w.epochs,
      patience: w.patience,
      onStep: (at, stepsPerEpoch) => {
        const done = at.epoch + at.step / stepsPerEpoch;
        report('warm start', Math.floor(100 * done) / 100, w.epochs, () => ({ value: at.loss }));
        interrupted = stopped('warm start', done);
        if (interrupted || due()) saveTraining(run, chains, claims, at);
        return interrupted;
      },
    });
  } finally {
    await posterior.release();
    await validation.release();
  }
  chains.forEach((chain, c) => {
    // Stopped within its first epoch, a member has no best yet.
    const theta = (state.epoch > 0 || w.epochs === 0 ? state.best : state.theta).slice(c * d, (c + 1) * d);
    const member = { theta, loss: state.loss[c], epochs: state.epochs[c], unfinished: interrupted };
    writeMember(runPaths(dir).member(chain), member, claims[c].check);
  });
  return interrupted ? undefined : state.best;
}

/** Values of each member before its training `[C × d]`. */
function untrainedValues(
  network: BayesianNetwork,
  keys: readonly (readonly [number, number])[],
  chains: readonly number[],
): Float64Array {
  const values = new Float64Array(keys.length * network.dim);
  keys.forEach((key, c) => {
    values.set(initial(network, stream(key, 'init'), chains[c]), c * network.dim);
  });
  return values;
}
