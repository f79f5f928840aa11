/** Watches the draws of a block as they are made: running LPPD for the screen, and every watched number for `posterior.zarr`. */
import { type LogSums, logSums } from '../infer/logsum.ts';
import { meanOf } from '../math/autocorrelation.ts';
import type { Claim } from '../store/claim.ts';
import type { Info } from '../types.ts';
import type { LoadedRun, SplitData } from './load.ts';
import { memberPredictor } from './members.ts';
import { layerSizes, seenOf } from './monitor.ts';
import {
  DRAWS_PER_BLOCK,
  SAMPLE_STATS,
  type WatchedName,
  watchedArrays,
  watchedRows,
  writeWatched,
} from './posterior-store.ts';

/** Draws of a chain between two evaluations; divides the draws of a block. */
const EVALUATE_EVERY = 25;

/** Where the watch over one chain stands, beside its held draws. */
export interface MonitorStanding {
  /** Statistics of the held draws `[held × statistics]`. */
  readonly stats: Float64Array;
  /** log Σ p(y | x, draw) of each watched row over the draws before the held ones. */
  readonly logSum: Float64Array;
}

interface Watched {
  readonly values: Readonly<Record<WatchedName, Float64Array>>;
  /** As in the standing; and with the draws evaluated since. */
  before: Float64Array;
  logSum: LogSums;
}

export interface LiveMonitor {
  /** LPPD of each chain's draws so far on the watched validation rows, in nats per row; NaN before the first. */
  readonly lppd: Float64Array;
  /** Takes the draw that was just added to the writers. */
  add(info: Info, step: number): Promise<void>;
  /** Writes what is held. */
  flush(): Promise<void>;
  standing(c: number): MonitorStanding;
  release(): Promise<void>;
}

/**
 * `draws[c]` is where chain c's writer keeps its held draws `[block × d]`; `blocks` have been written before and `held` are there.
 * `standing` is of a block that goes on.
 */
export async function liveMonitor(
  run: LoadedRun,
  data: SplitData,
  chains: readonly number[],
  claims: readonly Claim[],
  draws: readonly Float32Array[],
  place: { readonly blocks: number; readonly held: number },
  standing: readonly MonitorStanding[] | undefined,
): Promise<LiveMonitor> {
  const { dim: d, inputs } = run.network;
  const arrays = watchedArrays(run, data);
  const rows = watchedRows(data);
  const y = data.valid.y.subarray(0, rows);
  const predictor = await memberPredictor(run, data.valid.x.subarray(0, rows * inputs));
  const watched = chains.map((_, c): Watched => {
    const before = standing?.[c].logSum ?? new Float64Array(rows).fill(Number.NEGATIVE_INFINITY);
    const values = arrays.map(({ path, width }) => [path, new Float64Array(DRAWS_PER_BLOCK * width)] as const);
    return { values: Object.fromEntries(values) as Watched['values'], before, logSum: continued(before) };
  });
  const lppd = new Float64Array(chains.length).fill(Number.NaN);
  let { blocks, held } = place;
  let evaluated = 0;
  standing?.forEach(({ stats }, c) => {
    SAMPLE_STATS.forEach((name, s) => {
      const values = watched[c].values[`sample_stats/${name}`];
      for (let i = 0; i < held; i++) values[i] = stats[i * SAMPLE_STATS.length + s];
    });
  });

  const evaluate = async () => {
    const pieces = draws.map((buffer) => buffer.subarray(evaluated * d, held * d));
    const count = held - evaluated;
    let member = 0;
    for await (const prediction of predictor.of(count > 0 ? pieces : [])) {
      const c = Math.floor(member / count);
      const i = evaluated + (member++ % count);
      const { values, logSum } = watched[c];
      const { densities, logLikelihood, probes } = seenOf(run, prediction, y);
      densities.forEach((density, r) => {
        logSum.add(r, density);
      });
      lppd[c] = meanOf(valuesOf(logSum, rows)) - Math.log(blocks * DRAWS_PER_BLOCK + i + 1);
      values['posterior/log_likelihood'][i] = logLikelihood;
      values['posterior/running_lppd'][i] = lppd[c];
      values['posterior/prediction'].set(probes, i * probes.length);
      const sizes = layerSizes(run, draws[c], i * d);
      values['posterior/layer_norm'].set(sizes, i * sizes.length);
      values['log_likelihood/y'].set(densities, i * rows);
    }
    evaluated = held;
  };
  const write = async () => {
    if (held === 0) return;
    for (const [c, chain] of chains.entries()) {
      for (const array of arrays) {
        const values = watched[c].values[array.path].subarray(0, held * array.width);
        await writeWatched(run.dir, array, chain, blocks * DRAWS_PER_BLOCK, values, claims[c].check);
      }
    }
  };
  await evaluate();

  return {
    lppd,
    async add(info, step) {
      watched.forEach(({ values }, c) => {
        const stats = [
          step,
          info.stepSize[c],
          info.energyChange[c],
          info.logDensity[c],
          info.reset[c],
          info.nonFinite[c],
        ];
        SAMPLE_STATS.forEach((name, s) => {
          values[`sample_stats/${name}`][held] = stats[s];
        });
      });
      held++;
      if (held % EVALUATE_EVERY === 0) await evaluate();
      if (held < DRAWS_PER_BLOCK) return;
      await write();
      for (const chain of watched) {
        chain.before = valuesOf(chain.logSum, rows);
        chain.logSum = continued(chain.before);
      }
      blocks++;
      held = 0;
      evaluated = 0;
    },
    async flush() {
      await evaluate();
      await write();
    },
    standing: (c) => ({
      stats: Float64Array.from({ length: held * SAMPLE_STATS.length }, (_, i) => {
        const name = SAMPLE_STATS[i % SAMPLE_STATS.length];
        return watched[c].values[`sample_stats/${name}`][Math.floor(i / SAMPLE_STATS.length)];
      }),
      logSum: watched[c].before,
    }),
    release: predictor.release,
  };
}

const valuesOf = (sums: LogSums, rows: number): Float64Array =>
  Float64Array.from({ length: rows }, (_, r) => sums.value(r));

/** Sums that go on from what others came to. */
function continued(before: Float64Array): LogSums {
  const sums = logSums(before.length);
  before.forEach((value, r) => {
    sums.add(r, value);
  });
  return sums;
}
