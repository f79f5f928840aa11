/** Warm-up and sampling of a block, from the start or from where its chains stand. */
import { batchStream, pairShare } from '../data/batches.ts';
import { squaredDistance } from '../math/sums.ts';
import { stream } from '../math/threefry.ts';
import type { LoadedRun, SplitData } from '../spec/loaded-run.ts';
import type { ChainSummary, ChainTrace } from '../spec/records.ts';
import { asTheNetworkSees } from '../spec/target-law.ts';
import { drawWriter } from '../store/draws.ts';
import { writeJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import { attemptKey, attemptOf } from './attempt.ts';
import { CHECKPOINT_SECONDS, type ClaimedBlock } from './block-options.ts';
import { saveSampling, timer } from './checkpoint.ts';
import type { SamplingStanding } from './checkpointed.ts';
import { liveMonitor } from './live-monitor.ts';
import { drawsPerBlock, SAMPLE_STATS, statsOf } from './posterior-store.ts';
import { progressReporter } from './progress.ts';
import { goalOf } from './settle.ts';
import { stepping } from './stepping.ts';
import { Tally } from './tally.ts';

/** Points of a chain's trace. */
const TRACE_POINTS = 300;

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
        { keys, rows: s.batchSize, factor: batches.scale, noiseShare: pairShare(data.train.count, s.batchSize) },
        start,
        standing,
      ),
    );
    const each = <T>(make: (from: SamplingStanding | undefined, c: number) => T) =>
      chains.map((_, c) => make(standing?.[c], c));
    const layout = { dim: d, stats: SAMPLE_STATS, blockSize: drawsPerBlock(network), type: spec.storage.draws };
    const writers = each((from, c) => drawWriter(paths.chain(chains[c]), layout, from?.writer, claims[c].check));
    const watched = each((from, c) => {
      const sums = from && { logSum: from.logSum, watched: from.facts.watched };
      return { chain: chains[c], claim: claims[c], writer: writers[c], sums };
    });
    const from = standing?.[0].writer;
    const written = { blocks: from?.blocks ?? 0, held: (from?.data.length ?? 0) / d };
    const watch = open(await liveMonitor(run, data, watched, written));
    const tallies = {
      'warm-up': new Tally(
        chains.length,
        standing?.map(({ facts }) => facts.warmup),
      ),
      sampling: new Tally(
        chains.length,
        standing?.map(({ facts }) => facts.sampling),
      ),
    };
    const traces = each((from) => from?.facts.trace ?? { step: [], stepSize: [], logDensity: [] });
    const traceEvery = Math.max(1, Math.ceil((s.warmup + s.steps) / TRACE_POINTS));
    const report = progressReporter(chains, onProgress);
    const due = timer(checkpointSeconds);
    const began = performance.now() - 1000 * (standing?.[0].facts.seconds ?? 0);
    const seconds = () => (performance.now() - began) / 1000;
    const first = each((from) => from?.first);
    const gradients = each((from) => from?.facts.gradients ?? 0);
    let { draws, t } = standing?.[0].facts ?? { draws: 0, t: 0 };
    const goal = goalOf(run);
    const begun = t;
    const save = () =>
      saveSampling(run, chains, claims, async (c) => ({
        facts: {
          attempt: attempts[c],
          t,
          draws,
          gradients: gradients[c],
          watched: watch.sums(c).watched,
          seconds: seconds(),
          warmup: tallies['warm-up'].standing(c),
          sampling: tallies.sampling.standing(c),
          trace: traces[c],
        },
        writer: writers[c].settle(),
        logSum: watch.sums(c).logSum,
        first: first[c],
        state: await block.standing(c),
      }));
    const ended = () => stopped(t < s.warmup ? 'warm-up' : 'sampling', t);
    if (!standing && !ended()) await save();
    for (; t < goal && !ended(); t++) {
      if (due()) await save();
      const phase = t < s.warmup ? 'warm-up' : 'sampling';
      if (t === s.warmup) block.endWarmup();
      const info = await block.step(batches.at(t), t);
      const tally = tallies[phase];
      tally.absorb(info);
      if (t % traceEvery === 0) {
        traces.forEach((trace, c) => {
          trace.step.push(t);
          trace.stepSize.push(info.stepSize[c]);
          trace.logDensity.push(info.logDensity[c]);
        });
      }
      for (const c of chains.keys()) gradients[c] += info.ownGradients?.[c] ?? info.gradients;
      const sampled = t - s.warmup;
      if (phase === 'sampling' && sampled % s.thin === 0 && !block.exploring(t)) {
        const theta = await block.positions();
        writers.forEach((writer, c) => {
          writer.add(theta, c * d, statsOf(sampled, info, c));
          first[c] ??= theta.slice(c * d, (c + 1) * d);
        });
        await watch.add();
        draws++;
      }
      const warming = phase === 'warm-up';
      report(phase, warming ? t + 1 : sampled + 1, warming ? s.warmup : s.steps, () => ({
        value: info.logDensity,
        stepSize: info.stepSize,
        resets: tally.resets,
        nonFinite: tally.nonFinite,
        energyError: tally.energyErrors(d),
        lppd: watch.lppd,
        draws,
        gradients: Math.max(...gradients),
      }));
    }
    if (t > begun) await save();
    for (const writer of writers) writer.flush();
    await watch.flush();
    const finished = t === s.warmup + s.steps;
    const theta = await block.positions();
    for (const [c, chain] of chains.entries()) {
      const at = c * d;
      const summary: ChainSummary = {
        chain,
        ...(attempts[c] > 0 && { attempt: attempts[c] }),
        status: finished ? 'done' : 'stopped',
        draws,
        stepSize: block.state.stepSize[c],
        gradients: gradients[c],
        seconds: seconds(),
        warmup: tallies['warm-up'].of(c, d),
        sampling: tallies.sampling.of(c, d),
        ...(await block.noise(c)),
        travelled: first[c] ? Math.sqrt(squaredDistance(first[c], theta.subarray(at, at + d), 0, d) / d) : 0,
      };
      const energyErrors = tallies.sampling.energySample(c);
      writeJson(paths.trace(chain), { ...traces[c], energyErrors } satisfies ChainTrace, claims[c].check);
      writeJson(paths.summary(chain), summary, claims[c].check);
    }
  } finally {
    for (const one of opened) await one.release();
  }
}
