/** A Bayesian network on drawn points: a deep ensemble first, then chains from it, and what both say about a line of inputs. */
import { mixtureQuantiles } from '../../src/infer/mixture.ts';
import { permutation } from '../../src/math/random.ts';
import { fold, rootKey, stream } from '../../src/math/threefry.ts';
import { stepSync } from '../../src/samplers/drive.ts';
import { SAMPLERS, type SamplerName } from '../../src/samplers/registry.ts';
import { adamwState, adamwStep, USUAL_BETAS } from '../../src/train/adamw.ts';
import { rateAt } from '../../src/train/rate.ts';
import type { Key } from '../../src/types.ts';
import { type CurveBatch, curveNetwork } from './network.ts';
import type { Point } from './points.ts';

export const MEMBERS = 8;
/** Inputs at which curves are drawn. */
export const LINE = 81;
const HIDDEN = [16, 16];
const EPOCHS = 1500;
const RATE = { learningRate: 0.02, schedule: 'cosine' } as const;
const BATCH = 32;
export const WARMUP = 3000;
const THIN = 20;
/** Curves kept of the chains, the newest; the band is theirs. */
const KEPT = 400;
const BAND = [0.05, 0.5, 0.95];

export type CurvePhase = 'training' | 'warming up' | 'sampling';

/** What an ensemble says: curves and the 90 % band of its predictions, each `[LINE]`, in the units of the points. */
export interface Said {
  readonly curves: readonly Float64Array[];
  readonly lower: Float64Array;
  readonly middle: Float64Array;
  readonly upper: Float64Array;
}

export interface CurveSession {
  readonly phase: CurvePhase;
  /** Epochs, or steps of the sampler. */
  readonly done: number;
  readonly draws: number;
  readonly stepSize: number;
  readonly dim: number;
  /** Works for about so many milliseconds. */
  work(milliseconds: number): void;
  /** One unit of work: an epoch, or a step. */
  advance(): void;
  said(): { readonly deep: Said; readonly bayes: Said | undefined };
}

interface Curve {
  /** Standardised means, and σ. */
  readonly mean: Float64Array;
  readonly sd: number;
}

/** Throws an `Error` for fewer than three points. `line` are the inputs of the curves `[LINE]`. */
export function curveSession(
  points: readonly Point[],
  line: Float64Array,
  { sampler: name, seed }: { readonly sampler: SamplerName; readonly seed: number },
): CurveSession {
  if (points.length < 3) throw new Error(`points: expected at least three, got ${points.length}. Click to add some.`);
  const [xs, ys] = [standardiser(points.map(({ x }) => x)), standardiser(points.map(({ y }) => y))];
  const [x, y] = [points.map((p) => xs.into(p.x)), points.map((p) => ys.into(p.y))];
  const inputs = line.map(xs.into);
  const network = curveNetwork(HIDDEN);
  const { dim } = network;
  const keys = Array.from({ length: MEMBERS }, (_, k) => fold(rootKey(seed), k));
  const theta = new Float64Array(MEMBERS * dim);
  keys.forEach((key, k) => {
    theta.set(network.initial(stream(key, 'init')), k * dim);
  });

  const rows = points.length;
  const size = Math.min(BATCH, rows);
  const everything: CurveBatch = { x: tiled(x, MEMBERS), y: tiled(y, MEMBERS) };
  const batchAt = miniBatches(x, y, size, keys);
  const likelihood = network.posterior({ priorScale: Number.POSITIVE_INFINITY, factor: 1 });
  const posterior = network.posterior({ priorScale: 1, factor: rows / size });
  const optimiser = adamwState(theta.length);
  const decay = new Float64Array(dim).fill(DECAY);
  const value = new Float64Array(MEMBERS);
  const gradient = new Float64Array(theta.length);
  const sampler = SAMPLERS[name]({ steps: WARMUP, warmup: WARMUP });
  let state: ReturnType<typeof sampler.init> | undefined;
  const curves: Curve[] = [];
  let draws = 0;
  let epoch = 0;
  let step = 0;

  const curveOf = (block: Float64Array, k: number): Curve => {
    const mean = new Float64Array(LINE);
    network.predict(block, k * dim, inputs, mean);
    return { mean, sd: Math.exp(block[k * dim + dim - 1]) };
  };
  const train = () => {
    likelihood.evaluate(theta, everything, value, gradient);
    for (let i = 0; i < gradient.length; i++) gradient[i] /= -rows;
    adamwStep(optimiser, theta, gradient, { learningRate: rateAt(RATE, epoch, EPOCHS), betas: USUAL_BETAS, decay });
    epoch++;
  };
  const sample = () => {
    state ??= sampler.init(theta, keys);
    if (step === WARMUP) sampler.endWarmup(state);
    stepSync(sampler, state, posterior, batchAt(step), step);
    step++;
    if (step <= WARMUP || step % THIN !== 0 || sampler.exploring?.(step)) return;
    for (let k = 0; k < MEMBERS; k++) {
      const curve = curveOf(state.theta, k);
      if (!curve.mean.every(Number.isFinite)) continue;
      curves.push(curve);
      draws++;
    }
    curves.splice(0, Math.max(0, curves.length - KEPT));
  };
  const advance = () => (epoch < EPOCHS ? train() : sample());
  const told = (members: readonly Curve[]): Said => {
    const sds = members.map(({ sd }) => sd);
    const band = Array.from({ length: LINE }, (_, j) =>
      mixtureQuantiles(
        members.map(({ mean }) => mean[j]),
        sds,
        BAND,
      ),
    );
    const quantile = (q: number) => Float64Array.from(band, (levels) => ys.outOf(levels[q]));
    const shown = members.slice(-SHOWN).map(({ mean }) => mean.map(ys.outOf));
    return { curves: shown, lower: quantile(0), middle: quantile(1), upper: quantile(2) };
  };

  return {
    get phase() {
      if (epoch < EPOCHS) return 'training' as const;
      return step < WARMUP ? ('warming up' as const) : ('sampling' as const);
    },
    get done() {
      return epoch < EPOCHS ? epoch : step;
    },
    get draws() {
      return draws;
    },
    get stepSize() {
      return state ? state.stepSize[0] : Number.NaN;
    },
    dim,
    advance,
    work(milliseconds) {
      const end = performance.now() + milliseconds;
      do advance();
      while (performance.now() < end);
    },
    said: () => ({
      deep: told(Array.from({ length: MEMBERS }, (_, k) => curveOf(theta, k))),
      bayes: curves.length > 0 ? told(curves) : undefined,
    }),
  };
}

/** Weight decay of the deep ensemble, and curves of the chains that are drawn. */
const DECAY = 0.005;
const SHOWN = 40;

interface Standardiser {
  into(value: number): number;
  outOf(value: number): number;
}

function standardiser(values: readonly number[]): Standardiser {
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const sd = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length) || 1;
  return { into: (value) => (value - mean) / sd, outOf: (value) => mean + sd * value };
}

const tiled = (values: readonly number[], times: number) =>
  Float64Array.from({ length: values.length * times }, (_, i) => values[i % values.length]);

/** Every chain's own batch of step t: its next `size` rows, every row once before any comes twice. */
function miniBatches(x: readonly number[], y: readonly number[], size: number, keys: readonly Key[]) {
  const rows = x.length;
  const batch = { x: new Float64Array(keys.length * size), y: new Float64Array(keys.length * size) };
  const orders: { epoch: number; order: Int32Array }[] = keys.map(() => ({ epoch: -1, order: new Int32Array(0) }));
  return (t: number): CurveBatch => {
    keys.forEach((key, k) => {
      for (let j = 0; j < size; j++) {
        const position = t * size + j;
        const epoch = Math.floor(position / rows);
        if (orders[k].epoch !== epoch)
          orders[k] = { epoch, order: permutation(fold(stream(key, 'batch'), epoch), rows) };
        const row = orders[k].order[position % rows];
        batch.x[k * size + j] = x[row];
        batch.y[k * size + j] = y[row];
      }
    });
    return batch;
  };
}
