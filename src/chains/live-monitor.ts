/** Watches the draws of a block as they are made: running LPPD for the screen, and every watched number for `posterior.zarr`. */
import { firstOf } from '../data/asked.ts';
import { type LogSums, logSums } from '../infer/logsum.ts';
import { meanOf } from '../math/moments.ts';
import type { LoadedRun, SplitData } from '../spec/loaded-run.ts';
import { memberPredictor } from '../spec/predictor.ts';
import type { Claim } from '../store/claim.ts';
import type { DrawWriter } from '../store/draws.ts';
import { layerSizes, seenOf } from './monitor.ts';
import {
  drawsPerFile,
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

/** Draws of a chain between two evaluations, at most: a file ends with one. */
const EVALUATE_EVERY = 25;

interface Watched {
  readonly values: Readonly<Record<WatchedName, Float64Array>>;
  /** log Σ p(y | x, draw) of each watched row over the draws of earlier files; and with the draws evaluated since. */
  before: WatchedSums;
  logSum: LogSums;
  /** Draws that `logSum` is over. */
  draws: number;
  ledger: Ledger;
}

/** log Σ p(y | x, draw) of each watched row, over so many draws: those that are finite at every row. */
interface WatchedSums {
  readonly logSum: Float64Array;
  readonly watched: number;
}

/** A chain whose draws are watched: what its writer holds, and the log sums of its earlier files where it goes on. */
export interface WatchedChain {
  readonly chain: number;
  readonly claim: Claim;
  readonly writer: Pick<DrawWriter, 'data' | 'stats'>;
  readonly sums?: WatchedSums | undefined;
}

export interface LiveMonitor {
  /** LPPD of each chain's finite draws so far on the watched validation rows, in nats per row; NaN before the first. */
  readonly lppd: Float64Array;
  /** Takes the draw that was just added to every writer. */
  add(): Promise<void>;
  /** Writes what is held. */
  flush(): Promise<void>;
  /** Chain c's log sums `[rows]` over the draws of earlier files. */
  sums(c: number): WatchedSums;
  release(): Promise<void>;
}

/** Every writer has written `files` files and holds `held` draws. */
export async function liveMonitor(
  run: LoadedRun,
  data: SplitData,
  chains: readonly WatchedChain[],
  { files, held }: { files: number; held: number },
): Promise<LiveMonitor> {
  const { dim: d } = run.network;
  const arrays = watchedArrays(run, data);
  const rows = watchedRows(data);
  const asked = firstOf(data.valid.asked(), rows);
  const { y } = asked;
  const predictor = memberPredictor(run);
  const size = drawsPerFile(run.network);
  const watched = chains.map(({ chain, sums }): Watched => {
    const before = sums ?? { logSum: new Float64Array(rows).fill(Number.NEGATIVE_INFINITY), watched: 0 };
    const values = arrays.map(({ path, width }) => [path, new Float64Array(size * width)] as const);
    return {
      values: Object.fromEntries(values) as Watched['values'],
      before,
      logSum: continued(before.logSum),
      draws: before.watched,
      ledger: files > 0 ? readLedger(run.dir, chain, files) : {},
    };
  });
  for (const { chain, claim } of chains) dropWatched(run.dir, chain, files, claim.check);
  const lppd = Float64Array.from(watched, ({ before, draws }) =>
    draws > 0 ? meanOf(before.logSum) - Math.log(draws) : Number.NaN,
  );
  let evaluated = 0;

  const evaluate = async () => {
    const added = chains.map(({ writer }, c) => {
      return { chain: c, first: evaluated, thetas: writer.data.subarray(evaluated * d, held * d) };
    });
    for await (const prediction of predictor.of(asked, added)) {
      const { chain: c, draw: i } = prediction;
      const { values, logSum } = watched[c];
      const { densities, logLikelihood, probes } = seenOf(run, prediction, y);
      // A draw that is not finite explains nothing, and would leave no number of those before it.
      if (densities.every((density) => density < Number.POSITIVE_INFINITY)) {
        watched[c].draws++;
        densities.forEach((density, r) => {
          logSum.add(r, density);
        });
        lppd[c] = meanOf(valuesOf(logSum, rows)) - Math.log(watched[c].draws);
      }
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
        Object.assign(watched[c].ledger, await writeWatched(run.dir, array, chain, files, own, claim.check));
      }
      writeLedger(run.dir, chain, watched[c].ledger, claim.check);
    }
  };
  await evaluate();

  return {
    lppd,
    async add() {
      held++;
      if (held % EVALUATE_EVERY === 0 || held === size) await evaluate();
      if (held < size) return;
      await write();
      for (const chain of watched) {
        chain.before = { logSum: valuesOf(chain.logSum, rows), watched: chain.draws };
        chain.logSum = continued(chain.before.logSum);
      }
      files++;
      held = 0;
      evaluated = 0;
    },
    async flush() {
      await evaluate();
      await write();
    },
    sums: (c) => watched[c].before,
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
