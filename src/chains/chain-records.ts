/** What is kept of the chains of a block beside their draws: counts, traces, times. Checkpoints, summaries and the screen read it. */
import { squaredDistance } from '../math/sums.ts';
import type { LoadedRun } from '../spec/loaded-run.ts';
import type { ChainSummary, ChainTrace } from '../spec/records.ts';
import type { Info } from '../types.ts';
import type { SamplingFacts, SamplingStanding } from './checkpointed.ts';
import { Tally, type TallyStanding } from './tally.ts';

/** Points of a chain's trace. */
const TRACE_POINTS = 300;

type SamplingPhase = 'warm-up' | 'sampling';

/** Begins, or goes on from where the chains stand, all after the same number of steps. */
export function chainRecords(
  { spec, network: { dim: d } }: LoadedRun,
  chains: readonly number[],
  attempts: readonly number[],
  standing: readonly SamplingStanding[] | undefined,
) {
  const { warmup, steps } = spec.sampler;
  const from = standing?.map(({ facts }) => facts);
  let { t, draws } = from?.[0] ?? { t: 0, draws: 0 };
  const began = performance.now() - 1000 * (from?.[0].seconds ?? 0);
  const seconds = () => (performance.now() - began) / 1000;
  const tally = (stood?: TallyStanding[]) => new Tally(chains.length, stood);
  const tallies = {
    'warm-up': tally(from?.map((facts) => facts.warmup)),
    sampling: tally(from?.map((facts) => facts.sampling)),
  };
  const traces = chains.map((_, c) => from?.[c].trace ?? { step: [], stepSize: [], logDensity: [] });
  const traceEvery = Math.max(1, Math.ceil((warmup + steps) / TRACE_POINTS));
  const gradients = chains.map((_, c) => from?.[c].gradients ?? 0);
  const first = chains.map((_, c) => standing?.[c].first);
  const phaseOf = (): SamplingPhase => (t < warmup ? 'warm-up' : 'sampling');
  return {
    /** The next step, and its phase. */
    next: () => ({ t, phase: phaseOf() }),
    /** Absorbs what the next step told, and counts it. */
    absorb(info: Info): void {
      tallies[phaseOf()].absorb(info);
      for (const [c, { step, stepSize, logDensity }] of traces.entries()) {
        gradients[c] += info.ownGradients?.[c] ?? info.gradients;
        if (t % traceEvery !== 0) continue;
        step.push(t);
        stepSize.push(info.stepSize[c]);
        logDensity.push(info.logDensity[c]);
      }
      t++;
    },
    /** Counts a draw of every chain, `[C × d]`. */
    drawn(theta: Float64Array): void {
      for (const c of chains.keys()) first[c] ??= theta.slice(c * d, (c + 1) * d);
      draws++;
    },
    /** What the screen shows after a step of `phase`. */
    seen: (phase: SamplingPhase, { logDensity, stepSize }: Info) => ({
      value: logDensity,
      stepSize,
      resets: tallies[phase].resets,
      nonFinite: tallies[phase].nonFinite,
      energyError: tallies[phase].energyErrors(d),
      draws,
      gradients: Math.max(...gradients),
    }),
    /** Chain c's part of a checkpoint. */
    standing: (c: number): { facts: Omit<SamplingFacts, 'watched'>; first: Float64Array | undefined } => ({
      facts: {
        attempt: attempts[c],
        t,
        draws,
        gradients: gradients[c],
        seconds: seconds(),
        warmup: tallies['warm-up'].standing(c),
        sampling: tallies.sampling.standing(c),
        trace: traces[c],
      },
      first: first[c],
    }),
    trace: (c: number): ChainTrace => ({ ...traces[c], energyErrors: tallies.sampling.energySample(c) }),
    /** How chain c has ended, at `theta` `[C × d]`. */
    summary: (c: number, theta: Float64Array): Omit<ChainSummary, 'stepSize' | 'noise'> => ({
      chain: chains[c],
      ...(attempts[c] > 0 && { attempt: attempts[c] }),
      status: t === warmup + steps ? 'done' : 'stopped',
      draws,
      gradients: gradients[c],
      seconds: seconds(),
      warmup: tallies['warm-up'].of(c, d),
      sampling: tallies.sampling.of(c, d),
      travelled: first[c] ? Math.sqrt(squaredDistance(first[c], theta.subarray(c * d, (c + 1) * d), 0, d) / d) : 0,
    }),
  };
}
