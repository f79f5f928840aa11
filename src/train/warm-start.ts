/**
 * Warm start: trains a block of C members, each on its own batches and with its own early stopping. The result is the
 * deep ensemble that the chains start from.
 */
import type { LogDensity } from '../types.ts';
import { adamwStep, clip } from './adamw.ts';
import { type RateOptions, rateAt } from './rate.ts';

export interface WarmStartOptions<B> {
  /** Log likelihood scaled to the whole data set; the loss is its negative divided by `rows`. */
  readonly logLikelihood: LogDensity<B>;
  /** Rows N of an epoch. */
  readonly rows: number;
  /** Batches of the block, by step. */
  readonly batchAt: (t: number) => B;
  readonly batchSize: number;
  /** Mean validation loss of every member `[C]` at `theta` `[C × d]`. */
  readonly validationLoss: (theta: Float64Array) => Promise<Float64Array>;
  readonly rate: RateOptions;
  /** β₁ and β₂ of AdamW. */
  readonly betas: readonly [number, number];
  /** Norm that a member's gradient is cut down to; absent: none is. */
  readonly clip?: number | undefined;
  /** λ of each parameter `[d]`. */
  readonly decay: Float64Array;
  /** Parameters held at their start value: 1 there `[d]`. */
  readonly fixed: Float64Array;
  readonly epochs: number;
  /** Epochs without improvement before a member stops. */
  readonly patience: number;
  /** Called after every step within an epoch and after every epoch; returning true stops all members where they are. */
  readonly onStep?: (state: TrainState, stepsPerEpoch: number) => boolean;
}

/** Where the training of a block stands; the arrays belong to it and change with every epoch. */
export interface TrainState {
  /** Epochs trained, and steps of the next one. */
  epoch: number;
  step: number;
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
    step: 0,
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
  const { logLikelihood, rows, batchAt, validationLoss, fixed, decay, betas, epochs } = options;
  const { theta } = state;
  const d = logLikelihood.dim;
  const gradient = new Float64Array(theta.length);
  const value = new Float64Array(theta.length / d);
  const stepsPerEpoch = Math.ceil(rows / options.batchSize);
  const optimiser = { m: state.m, v: state.v, count: state.epoch * stepsPerEpoch + state.step };

  while (state.epoch < epochs && state.epochs.some((trained) => trained === state.epoch)) {
    while (state.step < stepsPerEpoch) {
      const t = state.epoch * stepsPerEpoch + state.step;
      await logLikelihood.evaluate(theta, batchAt(t), value, gradient);
      for (let i = 0; i < gradient.length; i++) gradient[i] *= fixed[i % d] ? 0 : -1 / rows;
      if (options.clip !== undefined) clip(gradient, d, options.clip);
      const learningRate = rateAt(options.rate, t, epochs * stepsPerEpoch);
      adamwStep(optimiser, theta, gradient, { learningRate, betas, decay });
      state.step++;
      if (state.step < stepsPerEpoch && options.onStep?.(state, stepsPerEpoch)) return;
    }
    endEpoch(state, await validationLoss(theta), options.patience);
    if (options.onStep?.(state, stepsPerEpoch)) return;
  }
}

/** Keeps the members whose loss is their best, and ends those that have been without a better one for `patience` epochs. */
function endEpoch(state: TrainState, loss: Float64Array, patience: number): void {
  const { epoch, theta, best } = state;
  const d = theta.length / loss.length;
  for (let c = 0; c < loss.length; c++) {
    if (state.epochs[c] !== epoch) continue;
    if (loss[c] < state.loss[c]) {
      state.loss[c] = loss[c];
      state.bestEpoch[c] = epoch;
      best.set(theta.subarray(c * d, (c + 1) * d), c * d);
    }
    if (epoch - state.bestEpoch[c] < patience) state.epochs[c] = epoch + 1;
  }
  state.epoch++;
  state.step = 0;
}
