/**
 * Warm start: trains a block of C members, each on its own batches and with its own early stopping. The result is the
 * deep ensemble that the chains start from.
 */
import type { LogDensity } from '../types.ts';
import { adamwStep, scheduledRate } from './adamw.ts';

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
  readonly onEpoch?: (epoch: number, state: TrainState) => boolean;
}

/** Where the training of a block stands; the arrays belong to it and change with every epoch. */
export interface TrainState {
  /** Epochs trained. */
  epoch: number;
  /** Parameters now, and AdamW's moments, `[C × d]`. */
  readonly theta: Float64Array;
  readonly m: Float64Array;
  readonly v: Float64Array;
  /** Each member's parameters at its best validation loss `[C × d]`. */
  readonly best: Float64Array;
  /** That loss `[C]`; Infinity for a member whose loss never was finite. */
  readonly loss: Float64Array;
  /** Its epoch `[C]`. */
  readonly bestEpoch: Float64Array;
  /** Epochs that each member trained `[C]`. */
  readonly epochs: Float64Array;
}

/** Untrained members at `start` `[C × d]`. */
export function untrained(start: Float64Array, members: number): TrainState {
  return {
    epoch: 0,
    theta: start.slice(),
    m: new Float64Array(start.length),
    v: new Float64Array(start.length),
    best: start.slice(),
    loss: new Float64Array(members).fill(Number.POSITIVE_INFINITY),
    bestEpoch: new Float64Array(members),
    epochs: new Float64Array(members),
  };
}

/** Trains on, in place. A member stops when its own validation loss has not improved for `patience` epochs. */
export async function warmStart<B>(state: TrainState, options: WarmStartOptions<B>): Promise<void> {
  const { logLikelihood, rows, batchAt, validationLoss, fixed, decay, epochs, patience } = options;
  const { theta, best } = state;
  const d = logLikelihood.dim;
  const members = theta.length / d;
  const gradient = new Float64Array(theta.length);
  const value = new Float64Array(members);
  const stepsPerEpoch = Math.ceil(rows / options.batchSize);
  const optimiser = { m: state.m, v: state.v, count: state.epoch * stepsPerEpoch };

  while (state.epoch < epochs && state.epochs.some((trained) => trained === state.epoch)) {
    const epoch = state.epoch;
    for (let t = epoch * stepsPerEpoch; t < (epoch + 1) * stepsPerEpoch; t++) {
      await logLikelihood.evaluate(theta, batchAt(t), value, gradient);
      for (let i = 0; i < gradient.length; i++) gradient[i] *= fixed[i % d] ? 0 : -1 / rows;
      const rate = scheduledRate(options.schedule, options.learningRate, t / (epochs * stepsPerEpoch));
      adamwStep(optimiser, theta, gradient, rate, decay);
    }
    const loss = await validationLoss(theta);
    for (let c = 0; c < members; c++) {
      if (state.epochs[c] !== epoch) continue;
      if (loss[c] < state.loss[c]) {
        state.loss[c] = loss[c];
        state.bestEpoch[c] = epoch;
        best.set(theta.subarray(c * d, (c + 1) * d), c * d);
      }
      if (epoch - state.bestEpoch[c] < patience) state.epochs[c] = epoch + 1;
    }
    state.epoch++;
    if (options.onEpoch?.(epoch, state)) return;
  }
}
