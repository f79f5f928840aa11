/** Watches the draws of a block as they are made: running LPPD for the screen, and every watched number for `posterior.zarr`. */
import { type LogSums, logSums } from '../infer/logsum.ts';
import { meanOf } from '../math/autocorrelation.ts';
import type { Claim } from '../store/claim.ts';
import type { DrawWriter } from '../store/draws.ts';
import type { LoadedRun, SplitData } from './load.ts';
import { memberPredictor } from './members.ts';
import { layerSizes, seenOf } from './monitor.ts';
import {
  DRAWS_PER_BLOCK,
  dropWatched,
  type Ledger,
  readLedger,
  SAMPLE_STATS,
  statOf,
  type WatchedName,
  watchedArrays,
  watchedRows,
  writeLedger,
  writeWatched,
} from './posterior-store.ts';

/** Draws of a chain between two evaluations; divides the draws of a block. */
const EVALUATE_EVERY = 25;

interface Watched {
  readonly values: Readonly<Record<WatchedName, Float64Array>>;
  /** log Σ p(y | x, draw) of each watched row over the draws of earlier blocks; and with the draws evaluated since. */
  before: Float64Array;
  logSum: LogSums;
  ledger: Ledger;
}

/** A chain whose draws are watched: what its writer holds, and the log sums of its earlier blocks where it goes on. */
export interface WatchedChain {
  readonly chain: number;
  readonly claim: Claim;
  readonly writer: Pick<DrawWriter, 'data' | 'stats'>;
  readonly logSum?: Float64Array | undefined;
}

export interface LiveMonitor {
  /** LPPD of each chain's draws so far on the watched validation rows, in nats per row; NaN before the first. */
  readonly lppd: Float64Array;
  /** Takes the draw that was just added to every writer. */
  add(): Promise<void>;
  /** Writes what is held. */
  flush(): Promise<void>;
  /** Chain c's log sums `[rows]` over the draws of earlier blocks. */
  logSum(c: number): Float64Array;
  release(): Promise<void>;
}

/** Every writer has written `blocks` blocks and holds `held` draws. */
export async function liveMonitor(
  run: LoadedRun,
  data: SplitData,
  chains: readonly WatchedChain[],
  { blocks, held }: { blocks: number; held: number },
): Promise<LiveMonitor> {
  const { dim: d, inputs } = run.network;
  const arrays = watchedArrays(run, data);
  const rows = watchedRows(data);
  const y = data.valid.y.subarray(0, rows);
  const predictor = await memberPredictor(run, data.valid.x.subarray(0, rows * inputs));
  const watched = chains.map(({ chain, logSum }): Watched => {
    const before = logSum ?? new Float64Array(rows).fill(Number.NEGATIVE_INFINITY);
    const values = arrays.map(({ path, width }) => [path, new Float64Array(DRAWS_PER_BLOCK * width)] as const);
    return {
      values: Object.fromEntries(values) as Watched['values'],
      before,
      logSum: continued(before),
      ledger: blocks > 0 ? readLedger(run.dir, chain, blocks) : {},
    };
  });
  for (const { chain } of chains) dropWatched(run.dir, chain, blocks);
  const lppd = new Float64Array(chains.length).fill(Number.NaN);
  let evaluated = 0;

  const evaluate = async () => {
    const count = held - evaluated;
    const pieces = count > 0 ? chains.map(({ writer }) => writer.data.subarray(evaluated * d, held * d)) : [];
    let member = 0;
    for await (const prediction of predictor.of(pieces)) {
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
      const sizes = layerSizes(run, chains[c].writer.data, i * d);
      values['posterior/layer_norm'].set(sizes, i * sizes.length);
      values['log_likelihood/y'].set(densities, i * rows);
    }
    evaluated = held;
  };
  const write = async () => {
    if (held === 0) return;
    for (const [c, { chain, claim, writer }] of chains.entries()) {
      const { values } = watched[c];
      for (const name of SAMPLE_STATS) {
        const column = values[`sample_stats/${name}`];
        for (let i = 0; i < held; i++) column[i] = statOf(writer.stats, i, name);
      }
      for (const array of arrays) {
        const own = values[array.path].subarray(0, held * array.width);
        Object.assign(watched[c].ledger, await writeWatched(run.dir, array, chain, blocks, own, claim.check));
      }
      writeLedger(run.dir, chain, watched[c].ledger, claim.check);
    }
  };
  await evaluate();

  return {
    lppd,
    async add() {
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
    logSum: (c) => watched[c].before,
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
