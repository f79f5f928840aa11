/** How far the chains of a run agree: about the validation rows, about predictions at some of them, and in the size of their layers. */
import { layerSizes, PROBES, seenOf } from '../chains/monitor.ts';
import {
  type Agreement,
  agreement,
  type FunctionSpace,
  functionSpace,
  medianAgreement,
} from '../infer/function-space.ts';
import { meanOf } from '../math/moments.ts';
import type { OpenedRun } from '../spec/opened-run.ts';
import type { MemberPrediction } from '../spec/prediction.ts';

/** Function space (the validation log likelihood), and other quantities of the draws beside it. */
export interface Convergence extends FunctionSpace {
  /** Predictions at probe rows, the median row. */
  readonly probes: Agreement;
  /** Root mean square of each parameter tensor, its mean per chain. */
  readonly layers: readonly (Agreement & { readonly name: string; readonly chainNorms: readonly number[] })[];
}

/** Watches what draws predict of the validation rows. */
export function convergenceWatch(run: OpenedRun) {
  const { y } = run.data.valid;
  /** A number per draw of each chain, `[chain][draw]`. */
  const series = (): Float64Array[] => run.summaries.map(({ draws }) => new Float64Array(draws));
  const logLikelihood = series();
  const probes = Array.from({ length: Math.min(PROBES, y.length) }, series);
  return {
    add(member: MemberPrediction): void {
      const { chain, draw } = member;
      const watched = seenOf(run, member, y);
      logLikelihood[chain][draw] = watched.logLikelihood;
      probes.forEach((probe, i) => {
        probe[chain][draw] = watched.probes[i];
      });
    },
    /** Undefined for fewer than four draws of a chain. */
    result(): Convergence | undefined {
      const space = functionSpace(logLikelihood);
      const median = medianAgreement(probes.flatMap((probe) => agreement(probe) ?? []));
      return space && median && { ...space, probes: median, layers: layersOf(run) };
    },
  };
}

function layersOf(run: OpenedRun): Convergence['layers'] {
  const { dim, parameters } = run.network;
  const norms = parameters.map(() => run.summaries.map(({ draws }) => new Float64Array(draws)));
  for (const { chain, first, thetas } of run.draws()) {
    for (let i = 0; i < thetas.length / dim; i++) {
      const sizes = layerSizes(run, thetas, i * dim);
      norms.forEach((norm, l) => {
        norm[chain][first + i] = sizes[l];
      });
    }
  }
  return parameters.flatMap(({ name }, l) => {
    const agreed = agreement(norms[l]);
    return agreed ? [{ name, chainNorms: norms[l].map(meanOf), ...agreed }] : [];
  });
}
