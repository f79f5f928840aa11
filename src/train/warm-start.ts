/**
 * Warm start: trains a block of C members, each on its own batches and with its own early stopping. The result is the
 * deep ensemble that the chains start from.
 */
import type { LogDensity } from '../types.ts';
import { adamwState, adamwStep, scheduledRate } from './adamw.ts';

export interface WarmStartOptions<B> {
  /** Log likelihood scaled to the whole data set; the loss is its negative divided by `rows`. */
  readonly logLikelihood: LogDensity<B>;
  /** Training rows N. */
  readonly rows: number;
  /** Batches of the block, by step. */
  readonly batchAt: (t: number) => B;
  readonly batchSize: number;
  /** Mean validation loss of every member `[C]` at `theta` `[C × d]`. */
  readonly validationLoss: (theta: Float64Array) => Promise<Float64Array>;
  readonly learningRate: number;
  /** λ of each parameter `[d]`. */
  readonly decay: Float64Array;
  /** Parameters held at their start value: 1 there `[d]`. */
  readonly fixed: Float64Array;
  readonly schedule: 'constant' | 'cosine';
  readonly epochs: number;
  /** Epochs without improvement before a member stops. */
  readonly patience: number;
  /** Called after every epoch; returning true stops all members where they are. */
  readonly onEpoch?: (epoch: number, bestLoss: Float64Array) => boolean;
}

export interface WarmStart {
  /** Each member's parameters at its best validation loss `[C × d]`. */
  readonly theta: Float64Array;
  /** That loss `[C]`; Infinity for a member whose loss never was finite. */
  readonly loss: Float64Array;
  /** Epochs that each member trained `[C]`. */
  readonly epochs: Float64Array;
}

/** Trains from `start` `[C × d]`. A member stops when its own validation loss has not improved for `patience` epochs. */
export async function warmStart<B>(start: Float64Array, options: WarmStartOptions<B>): Promise<WarmStart> {
  const { logLikelihood, rows, batchAt, validationLoss, fixed, decay, epochs, patience } = options;
  const d = logLikelihood.dim;
  const members = start.length / d;
  const theta = start.slice();
  const gradient = new Float64Array(start.length);
  const value = new Float64Array(members);
  const optimiser = adamwState(start.length);
  const best: WarmStart = {
    theta: start.slice(),
    loss: new Float64Array(members).fill(Number.POSITIVE_INFINITY),
    epochs: new Float64Array(members),
  };
  const bestEpoch = new Float64Array(members);
  const stepsPerEpoch = Math.ceil(rows / options.batchSize);

  for (let epoch = 0, t = 0; epoch < epochs && best.epochs.some((trained) => trained === epoch); epoch++) {
    for (let step = 0; step < stepsPerEpoch; step++, t++) {
      await logLikelihood.evaluate(theta, batchAt(t), value, gradient);
      for (let i = 0; i < gradient.length; i++) gradient[i] *= fixed[i % d] ? 0 : -1 / rows;
      const rate = scheduledRate(options.schedule, options.learningRate, t / (epochs * stepsPerEpoch));
      adamwStep(optimiser, theta, gradient, rate, decay);
    }
    const loss = await validationLoss(theta);
    for (let c = 0; c < members; c++) {
      if (best.epochs[c] !== epoch) continue;
      if (loss[c] < best.loss[c]) {
        best.loss[c] = loss[c];
        bestEpoch[c] = epoch;
        best.theta.set(theta.subarray(c * d, (c + 1) * d), c * d);
      }
      if (epoch - bestEpoch[c] < patience) best.epochs[c] = epoch + 1;
    }
    if (options.onEpoch?.(epoch, best.loss)) break;
  }
  return best;
}
