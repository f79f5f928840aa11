/** What is watched of every draw: how well it explains the validation rows, what it predicts, how large its layers are. */
import { meanOf } from '../math/autocorrelation.ts';
import { sizeOf } from '../models/model.ts';
import type { ChainSummary } from './events.ts';
import { type LoadedRun, loadData } from './load.ts';
import { type MemberPrediction, readEnsemble, rowDensities } from './members.ts';

/** Validation rows whose predictions are watched. */
export const PROBES = 20;

/** One number per draw of each chain, `[chain][draw]`. */
export type Series = readonly Float64Array[];

export interface Monitored {
  /** Mean log likelihood of the validation rows, in nats per row. */
  readonly logLikelihood: Series;
  /** Per probe row: predicted mean in units of the target, or probability of the observed class. */
  readonly probes: readonly Series[];
  /** Root mean square of each parameter tensor. */
  readonly layers: readonly { readonly name: string; readonly norm: Series }[];
}

/** Watches members in the order of `readEnsemble`, each with its prediction of the validation rows. */
export function monitor(run: LoadedRun, chains: readonly Pick<ChainSummary, 'draws'>[]) {
  const { y } = loadData(run).valid;
  const { target } = run.preprocessing;
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
      const densities = rowDensities(run, member, y);
      logLikelihood[chain][draw] = meanOf(densities);
      probes.forEach((probe, i) => {
        const said = 'classes' in target ? Math.exp(densities[i]) : target.mean + target.sd * member.mean[i];
        probe[chain][draw] = said;
      });
      draw++;
    },
    result: (): Monitored => ({ logLikelihood, probes, layers: layerNorms(run, chains) }),
  };
}

function layerNorms(run: LoadedRun, chains: readonly Pick<ChainSummary, 'draws'>[]): Monitored['layers'] {
  const layers = run.network.parameters.map(({ name, shape }) => ({
    name,
    size: sizeOf(shape),
    norm: chains.map(({ draws }) => new Float64Array(draws)),
  }));
  const place = chains.flatMap(({ draws }, chain) =>
    Array.from({ length: draws }, (_, draw) => [chain, draw] as const),
  );
  let member = 0;
  for (const piece of readEnsemble(run)) {
    for (let at = 0; at < piece.length; ) {
      const [chain, draw] = place[member++];
      for (const { size, norm } of layers) {
        let square = 0;
        for (const end = at + size; at < end; at++) square += piece[at] * piece[at];
        norm[chain][draw] = Math.sqrt(square / size);
      }
    }
  }
  return layers.map(({ name, norm }) => ({ name, norm }));
}
