/** Warm-up and sampling of a block, from the start or from where its chains stand. */
import { batchStream, pairShare } from '../data/batches.ts';
import { stream } from '../math/threefry.ts';
import type { LoadedRun, SplitData } from '../spec/loaded-run.ts';
import type { ChainSummary } from '../spec/records.ts';
import { asTheNetworkSees } from '../spec/target-law.ts';
import { drawWriter } from '../store/draws.ts';
import { writeJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import { attemptKey, attemptOf } from './attempt.ts';
import { CHECKPOINT_SECONDS, type ClaimedBlock } from './block-options.ts';
import { chainRecords } from './chain-records.ts';
import { saveSampling, timer } from './checkpoint.ts';
import type { SamplingStanding } from './checkpointed.ts';
import { goalOf } from './goal.ts';
import { liveMonitor } from './live-monitor.ts';
import { drawsPerFile, SAMPLE_STATS, statsOf } from './posterior-store.ts';
import { progressReporter } from './progress.ts';
import { stepping } from './stepping.ts';

/**
 * Samples the block from `start` `[C × d]`, or on from `standing`, one per chain, all after the same number of steps. Draws, checkpoints
 * and summaries go to the run directory.
 */
export async function sampleBlock(
  run: LoadedRun,
  data: SplitData,
  start: Float64Array,
  { chains, claims, stopped, onProgress, checkpointSeconds = CHECKPOINT_SECONDS }: ClaimedBlock,
  standing: readonly SamplingStanding[] | undefined,
): Promise<void> {
  const { dir, spec, network } = run;
  const s = spec.sampler;
  const d = network.dim;
  const paths = runPaths(dir);
  const attempts = chains.map((chain) => attemptOf(dir, chain));
  const keys = chains.map((chain, c) => attemptKey(spec.seed, chain, attempts[c]));
  const order = s.mode === 'paper' ? 'paper' : 'all';
  const batches = batchStream(
    asTheNetworkSees(run, data.train),
    keys.map((key) => stream(key, 'batch')),
    s.batchSize,
    order,
  );
  const opened: { release(): Promise<void> }[] = [];
  const open = <T extends { release(): Promise<void> }>(one: T): T => {
    opened.unshift(one);
    return one;
  };
  try {
    const block = open(
      await stepping(
        run,
        { keys, rows: s.batchSize, factor: batches.factor, noiseShare: pairShare(data.train.count, s.batchSize) },
        start,
        standing,
      ),
    );
    const each = <T>(make: (from: SamplingStanding | undefined, c: number) => T) =>
      chains.map((_, c) => make(standing?.[c], c));
    const layout = { dim: d, stats: SAMPLE_STATS, drawsPerFile: drawsPerFile(network), type: spec.storage.draws };
    const writers = each((from, c) => drawWriter(paths.chain(chains[c]), layout, from?.writer, claims[c].check));
    const watched = each((from, c) => {
      const sums = from && { logSum: from.logSum, watched: from.facts.watched };
      return { chain: chains[c], claim: claims[c], writer: writers[c], sums };
    });
    const from = standing?.[0].writer;
    const written = { files: from?.files ?? 0, held: (from?.data.length ?? 0) / d };
    const watch = open(await liveMonitor(run, data, watched, written));
    const records = chainRecords(run, chains, attempts, standing);
    const report = progressReporter(chains, onProgress);
    const due = timer(checkpointSeconds);
    const goal = goalOf(run);
    const begun = records.next().t;
    const save = () =>
      saveSampling(run, chains, claims, async (c) => {
        const { logSum, watched } = watch.sums(c);
        const { facts, first } = records.standing(c);
        const writer = writers[c].hold();
        return { facts: { ...facts, watched }, writer, logSum, first, state: await block.standing(c) };
      });
    const ended = ({ phase, t }: ReturnType<typeof records.next>) => stopped(phase, t);
    if (!standing && !ended(records.next())) await save();
    for (let at = records.next(); at.t < goal && !ended(at); at = records.next()) {
      const { t, phase } = at;
      if (due()) await save();
      if (t === s.warmup) block.endWarmup();
      const info = await block.step(batches.at(t), t);
      records.absorb(info);
      const sampled = t - s.warmup;
      if (phase === 'sampling' && sampled % s.thin === 0 && !block.exploring(t)) {
        const theta = await block.positions();
        for (const [c, writer] of writers.entries()) writer.add(theta, c * d, statsOf(sampled, info, c));
        await watch.add();
        records.drawn(theta);
      }
      const [done, total] = phase === 'warm-up' ? [t + 1, s.warmup] : [sampled + 1, s.steps];
      report(phase, done, total, () => ({ ...records.seen(phase, info), lppd: watch.lppd }));
    }
    if (records.next().t > begun) await save();
    for (const writer of writers) writer.flush();
    await watch.flush();
    const theta = await block.positions();
    for (const [c, chain] of chains.entries()) {
      const summary: ChainSummary = {
        ...records.summary(c, theta),
        stepSize: block.state.stepSize[c],
        ...(await block.noise(c)),
      };
      writeJson(paths.trace(chain), records.trace(c), claims[c].check);
      writeJson(paths.summary(chain), summary, claims[c].check);
    }
  } finally {
    for (const one of opened) await one.release();
  }
}
