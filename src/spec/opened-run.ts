/** A run opened to ask what it says: its rows, the ends of its chains, its members and what they predict. */
import type { Asked } from '../data/asked.ts';
import { rereader } from '../store/reread.ts';
import { deepEnsemble } from './deep-ensemble.ts';
import { type LoadedRun, loadData, loadRun, type SplitData } from './loaded-run.ts';
import { type MemberBlock, type Members, storedDraws } from './members.ts';
import type { MemberPrediction } from './prediction.ts';
import { memberPredictor } from './predictor.ts';
import { allChains, type ChainSummary } from './records.ts';
import { readSummaries } from './summaries.ts';

/** Each part is read when it is first asked for, and once. Throws a `StoreError` for a part that is missing or damaged. */
export interface OpenedRun extends LoadedRun {
  readonly data: SplitData;
  readonly summaries: readonly ChainSummary[];
  /** Draws of all chains. */
  readonly drawCount: number;
  /** All draws, chain by chain, anew at each call; those of some chains where they are given. They are not to be written to. */
  draws(chains?: readonly number[]): Members;
  /** The warm-started members that the chains began at, each apart; see `deepEnsemble`. */
  deepEnsemble(): Promise<readonly MemberBlock[]>;
  /** What each of the members predicts, in order; see `Predictor`. */
  predict(asked: Asked, members: Members): AsyncGenerator<MemberPrediction>;
}

/** Opens the run in `dir` while `use` works with it: compiled graphs are released whatever happens. */
export async function withRun<T>(dir: string, use: (run: OpenedRun) => Promise<T>): Promise<T> {
  const loaded = loadRun(dir);
  const predictor = memberPredictor(loaded);
  const read = rereader();
  const data = once(() => loadData(loaded));
  const summaries = once(() => readSummaries(loaded));
  const run: OpenedRun = {
    ...loaded,
    get data() {
      return data();
    },
    get summaries() {
      return summaries();
    },
    get drawCount() {
      return summaries().reduce((sum, { draws }) => sum + draws, 0);
    },
    draws: (chains = allChains(loaded.spec.chains)) => storedDraws(loaded, chains, read),
    deepEnsemble: once(() => deepEnsemble(loaded, predictor, data().valid)),
    predict: predictor.of,
  };
  try {
    return await use(run);
  } finally {
    await predictor.release();
  }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
