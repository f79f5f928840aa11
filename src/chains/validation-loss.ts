/** What training watches and spares: the loss on validation rows, and the parameters that do not decay. */
import type { Rows } from '../data/rows.ts';
import { peakBytes } from '../graph/index.ts';
import { sumOf } from '../math/sums.ts';
import { LOG_SIGMA } from '../models/likelihood.ts';
import { sizeOf } from '../models/model.ts';
import { type BayesianNetwork, likelihoodGraph } from '../models/posterior.ts';
import { compileFor } from '../spec/compute.ts';
import type { LoadedRun } from '../spec/loaded-run.ts';
import { asTheNetworkSees } from '../spec/target-law.ts';

/** Rows of one call, so that networks with many activations stay within memory. */
const VALIDATION_ROWS = 2048;
/** Bytes that a call may hold. */
const CALL_BYTES = 1e9;

export interface ValidationLoss {
  /** Mean negative log likelihood `[C]` of an answer by every member at `theta` `[C × d]`, in the units of the network's graphs. */
  loss(theta: Float64Array): Promise<Float64Array>;
  /** Log likelihoods `[rows]` of every member. */
  rows(theta: Float64Array): Promise<Float64Array[]>;
  release(): Promise<void>;
}

/** Rows of a call: halves as long as what it holds is large. */
function portion(network: BayesianNetwork, chains: number, most: number): number {
  let rows = most;
  while (rows > 1 && peakBytes(likelihoodGraph(network, chains, rows).outputs) > CALL_BYTES) rows = Math.ceil(rows / 2);
  return rows;
}

/** The loss of C members on all of `valid`. */
export async function validationLoss(
  run: Pick<LoadedRun, 'network' | 'spec' | 'preprocessing'>,
  valid: Rows,
  chains: number,
): Promise<ValidationLoss> {
  const { network } = run;
  const { places } = network.likelihood;
  const seen = asTheNetworkSees(run, valid);
  const { count: rows, inputs, targets } = seen;
  const order = seen.order(rows);
  const size = portion(network, chains, Math.min(rows, VALIDATION_ROWS));
  const graph = await compileFor(run, likelihoodGraph(network, chains, size));
  const batch = { x: new Float32Array(chains * inputs * size), y: new Float32Array(chains * targets * size) };
  const own = { x: batch.x.subarray(0, inputs * size), y: batch.y.subarray(0, targets * size) };
  let gathered = -1;
  /** Log likelihoods of the rows from `from`, `[C × size]`. */
  const likelihoods = async (theta: Float64Array, from: number) => {
    if (gathered !== from) {
      seen.gather(order.subarray(from, from + size), own.x, own.y);
      for (let c = 1; c < chains; c++) {
        batch.x.set(own.x, c * own.x.length);
        batch.y.set(own.y, c * own.y.length);
      }
      gathered = from;
    }
    return (await graph.run({ theta, ...batch })).logLikelihood;
  };
  // The last part overlaps the one before it; what was counted there is left out.
  const parts = Array.from({ length: Math.ceil(rows / size) }, (_, k) => {
    const from = Math.min(k * size, rows - size);
    return { from, skip: k * size - from };
  });
  return {
    async loss(theta) {
      const sums = new Float64Array(chains);
      for (const { from, skip } of parts) {
        const logLikelihood = await likelihoods(theta, from);
        for (let c = 0; c < chains; c++) sums[c] += sumOf(logLikelihood, c * size + skip, (c + 1) * size);
      }
      return sums.map((sum) => -sum / (rows * places));
    },
    async rows(theta) {
      const each = Array.from({ length: chains }, () => new Float64Array(rows));
      for (const { from, skip } of parts) {
        const logLikelihood = await likelihoods(theta, from);
        each.forEach((whole, c) => {
          whole.set(logLikelihood.subarray(c * size + skip, (c + 1) * size), from + skip);
        });
      }
      return each;
    },
    release: graph.release,
  };
}

/**
 * Sets a learned log σ of every member of `theta` `[C × d]` where σ² is the mean squared residual of the validation rows, which
 * follows from the loss at σ = 1: ½ mean r² + ½ log 2π. Nothing where the likelihood has no such parameter.
 */
export async function settleSigma(
  theta: Float64Array,
  { parameters, dim }: BayesianNetwork,
  loss: ValidationLoss['loss'],
) {
  if (parameters.at(-1)!.name !== LOG_SIGMA) return;
  for (let at = dim - 1; at < theta.length; at += dim) theta[at] = 0;
  (await loss(theta)).forEach((value, c) => {
    theta[(c + 1) * dim - 1] = 0.5 * Math.log(Math.max(2 * value - Math.log(2 * Math.PI), LEAST_VARIANCE));
  });
}

/** Of a network that hits every validation target: σ = 10⁻³ of the target's deviation. */
const LEAST_VARIANCE = 1e-6;

/** 1 at the noise parameters, and the weight decay, which spares them; both `[d]`. */
export function parameterMasks(network: BayesianNetwork, weightDecay: number) {
  const noise = Float64Array.from(
    network.parameters.flatMap(({ name, shape }) => new Array(sizeOf(shape)).fill(name === LOG_SIGMA ? 1 : 0)),
  );
  return { noise, decay: noise.map((isNoise) => (isNoise ? 0 : weightDecay)) };
}
