/** LeNet on small pictures: trained, then sampled by a chain, on any device that compiles graphs. */
import { batchStream } from '../../src/data/batches.ts';
import { featuresFirst, tableRows } from '../../src/data/table/rows.ts';
import type { Graph } from '../../src/engine/compiled.ts';
import { type ClassificationScores, classificationAccumulator } from '../../src/infer/classification.ts';
import { rootKey, stream } from '../../src/math/threefry.ts';
import { lenet } from '../../src/models/lenet.ts';
import { likelihood } from '../../src/models/likelihood.ts';
import {
  bayesianNetwork,
  initial,
  networkLogDensity,
  posteriorGraph,
  predictionGraph,
} from '../../src/models/posterior.ts';
import { stepAsync } from '../../src/samplers/drive.ts';
import { SAMPLERS } from '../../src/samplers/registry.ts';
import { adamwState, adamwStep, USUAL_BETAS } from '../../src/train/adamw.ts';
import { rateAt } from '../../src/train/rate.ts';
import type { CompiledGraph } from '../../src/types.ts';
import { CLASSES, type Images, images, SIDE } from './images.ts';
import { BATCH, HELD_OUT, SAMPLER, THIN, TRAINED, TRAINING, WARMUP } from './settings.ts';

const RATE = { learningRate: 2e-3, schedule: 'cosine' } as const;
const STEP_SIZE = 0.5;
/** L: keeps the chain from swinging through the shell of radius √d where a normal prior holds its mass. */
const DECOHERENCE = 100;

export type ImagePhase = 'training' | 'warming up' | 'sampling';

/** How a prediction meets the held-out pictures. */
export type Met = Pick<ClassificationScores, 'accuracy' | 'lppd' | 'probability'>;

const met = ({ accuracy, lppd, probability }: ClassificationScores): Met => ({ accuracy, lppd, probability });

export interface ImageSession {
  readonly heldOut: Images;
  readonly phase: ImagePhase;
  readonly steps: number;
  readonly gradients: number;
  readonly draws: number;
  /** Log density of the last gradient's batch, scaled to all data. */
  readonly logDensity: number;
  /** The network that the chain starts from, once it is trained. */
  readonly start: Met | undefined;
  /** The mean prediction of the draws. */
  readonly mean: Met | undefined;
  /** One step. */
  advance(): Promise<void>;
  /** Gradients a second over about so many milliseconds, at the place of the next step. */
  rate(milliseconds: number): Promise<number>;
  /** Frees the graphs. */
  release(): Promise<void>;
}

/** Throws what `compile` throws. The same seed gives the same pictures and, on one device, the same numbers. */
export async function imageSession(
  compile: (graph: Graph) => Promise<CompiledGraph>,
  seed: number,
): Promise<ImageSession> {
  const key = rootKey(seed);
  const [training, heldOut] = [images(stream(key, 'data'), TRAINING), images(stream(key, 'noise'), HELD_OUT)];
  const inputs = SIDE * SIDE;
  const network = bayesianNetwork(
    lenet({ input: [1, SIDE, SIDE], classes: CLASSES }),
    likelihood('softmax', CLASSES),
    inputs,
  );
  const { dim } = network;
  const batches = batchStream(tableRows({ ...training, inputs, targets: CLASSES }), [stream(key, 'batch')], BATCH);
  const scaling = { priorScale: 1, factor: batches.factor };
  const posterior = await compile(posteriorGraph(network, 1, BATCH, scaling));
  const prediction = await compile(predictionGraph(network, 1, HELD_OUT));
  const density = networkLogDensity(posterior, dim, scaling);
  const columns = featuresFirst(heldOut.x, inputs);

  const theta = initial(network, stream(key, 'init'));
  const [value, gradient, none] = [new Float64Array(1), new Float64Array(dim), new Float64Array(dim)];
  const optimiser = adamwState(dim);
  const sampler = SAMPLERS[SAMPLER]({ stepSize: STEP_SIZE, decoherence: DECOHERENCE });
  let state: ReturnType<typeof sampler.init> | undefined;
  const ensemble = classificationAccumulator(HELD_OUT, CLASSES, heldOut.y);
  let start: Met | undefined;
  let mean: Met | undefined;
  let [step, gradients, draws, logDensity] = [0, 0, 0, Number.NaN];

  /** Log probabilities `[n × K]` of one network. */
  const predicted = async (of: Float64Array) => {
    const { logProbability } = await prediction.run({ theta: of, x: columns });
    return Float64Array.from(
      logProbability,
      (_, at) => logProbability[(at % CLASSES) * HELD_OUT + Math.floor(at / CLASSES)],
    );
  };
  const train = async () => {
    await density.evaluate(theta, batches.at(step), value, gradient);
    for (let i = 0; i < dim; i++) gradient[i] /= -TRAINING;
    adamwStep(optimiser, theta, gradient, {
      learningRate: rateAt(RATE, step, TRAINED),
      betas: USUAL_BETAS,
      decay: none,
    });
    gradients++;
    logDensity = value[0];
  };
  const sample = async () => {
    if (!state) {
      const alone = classificationAccumulator(HELD_OUT, CLASSES, heldOut.y);
      alone.add(await predicted(theta));
      start = met(alone.result());
      state = sampler.init(theta, [key]);
    }
    const t = step - TRAINED;
    if (t === WARMUP) sampler.endWarmup(state);
    const info = await stepAsync(sampler, state, density, batches.at(step), t);
    gradients += info.gradients;
    logDensity = info.logDensity[0];
    if (t < WARMUP || (t + 1 - WARMUP) % THIN !== 0) return;
    ensemble.add(await predicted(state.theta));
    mean = met(ensemble.result());
    draws++;
  };

  return {
    heldOut,
    get phase() {
      if (step < TRAINED) return 'training' as const;
      return step < TRAINED + WARMUP ? ('warming up' as const) : ('sampling' as const);
    },
    get steps() {
      return step;
    },
    get gradients() {
      return gradients;
    },
    get draws() {
      return draws;
    },
    get logDensity() {
      return logDensity;
    },
    get start() {
      return start;
    },
    get mean() {
      return mean;
    },
    async advance() {
      await (step < TRAINED ? train() : sample());
      step++;
    },
    async rate(milliseconds) {
      const evaluate = () => density.evaluate(state?.theta ?? theta, batches.at(step), value, gradient);
      await evaluate(); // The first one makes what a device needs.
      const began = performance.now();
      let done = 0;
      do {
        await evaluate();
        done++;
      } while (performance.now() - began < milliseconds);
      return (1000 * done) / (performance.now() - began);
    },
    async release() {
      await posterior.release();
      await prediction.release();
    },
  };
}
