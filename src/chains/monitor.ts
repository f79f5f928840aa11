/** What is watched of every draw: how well it explains the validation rows, what it predicts, how large its layers are. */
import { meanOf } from '../math/moments.ts';
import { sizeOf } from '../models/model.ts';
import type { LoadedRun } from '../spec/loaded-run.ts';
import type { MemberPrediction } from '../spec/prediction.ts';

/** Validation rows whose predictions are watched. */
export const PROBES = 20;

/**
 * What is watched of one member at rows `y` `[n]`: the mean log likelihood in nats per row, that of every row, and what it says at the
 * probes: the predicted mean in units of the target, or the probability of the observed class.
 */
export function seenOf({ preprocessing: { target } }: LoadedRun, member: MemberPrediction, y: Float64Array) {
  const densities = member.densities(y);
  const said = (i: number) => ('classes' in target ? Math.exp(densities[i]) : target.mean + target.sd * member.mean[i]);
  const probes = Array.from({ length: Math.min(PROBES, y.length) }, (_, i) => said(i));
  return { densities, logLikelihood: meanOf(densities), probes };
}

/** Root mean square of every parameter tensor of the member at `at` of `thetas`. */
export function layerSizes({ network }: LoadedRun, thetas: Float32Array, at: number): number[] {
  return network.parameters.map(({ shape }) => {
    const size = sizeOf(shape);
    let square = 0;
    for (const end = at + size; at < end; at++) square += thetas[at] * thetas[at];
    return Math.sqrt(square / size);
  });
}
