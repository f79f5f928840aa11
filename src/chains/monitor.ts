/** What is watched of every draw: how well it explains the validation rows, what it predicts, how large its layers are. */
import { meanOf } from '../math/autocorrelation.ts';
import { sizeOf } from '../models/model.ts';
import { type LoadedRun, loadData } from '../spec/opened.ts';
import { type MemberPrediction, readEnsemble, rowDensities } from '../spec/predictor.ts';
import type { ChainSummary } from '../spec/records.ts';

/** Validation rows whose predictions are watched. */
export const PROBES = 20;

/** One number per draw of each chain, `[chain][draw]`. */
type Series = readonly Float64Array[];

export interface Monitored {
  /** Mean log likelihood of the validation rows, in nats per row. */
  readonly logLikelihood: Series;
  /** Per probe row: predicted mean in units of the target, or probability of the observed class. */
  readonly probes: readonly Series[];
  /** Root mean square of each parameter tensor. */
  readonly layers: readonly { readonly name: string; readonly norm: Series }[];
}

/** What is watched of one member at rows `y`: the mean log likelihood, that of every row, and what it says at the probes. */
export function seenOf(run: LoadedRun, member: MemberPrediction, y: Float64Array) {
  const { target } = run.preprocessing;
  const densities = rowDensities(run, member, y);
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

/** Watches members in the order of `readEnsemble`, each with its prediction of the validation rows. */
export function monitor(run: LoadedRun, chains: readonly Pick<ChainSummary, 'draws'>[]) {
  const { y } = loadData(run).valid;
  const series = (): Float64Array[] => chains.map(({ draws }) => new Float64Array(draws));
  const logLikelihood = series();
  const probes = Array.from({ length: Math.min(PROBES, y.length) }, series);
  let chain = 0;
  let draw = 0;
  return {
    add(member: MemberPrediction): void {
      while (draw >= chains[chain].draws) {
        chain++;
        draw = 0;
      }
      const seen = seenOf(run, member, y);
      logLikelihood[chain][draw] = seen.logLikelihood;
      probes.forEach((probe, i) => {
        probe[chain][draw] = seen.probes[i];
      });
      draw++;
    },
    result: (): Monitored => ({ logLikelihood, probes, layers: layerNorms(run, chains) }),
  };
}

function layerNorms(run: LoadedRun, chains: readonly Pick<ChainSummary, 'draws'>[]): Monitored['layers'] {
  const layers = run.network.parameters.map(({ name }) => ({
    name,
    norm: chains.map(({ draws }) => new Float64Array(draws)),
  }));
  const place = chains.flatMap(({ draws }, chain) =>
    Array.from({ length: draws }, (_, draw) => [chain, draw] as const),
  );
  let member = 0;
  for (const piece of readEnsemble(run)) {
    for (let at = 0; at < piece.length; at += run.network.dim) {
      const [chain, draw] = place[member++];
      const sizes = layerSizes(run, piece, at);
      layers.forEach(({ norm }, l) => {
        norm[chain][draw] = sizes[l];
      });
    }
  }
  return layers;
}
