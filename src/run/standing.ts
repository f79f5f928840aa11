/** Checkpoints of chains: where each stands in its warm start or in its sampling, a file a chain, so that any of them form a block. */
import { shapeError } from '../errors.ts';
import { type Checkpoint, readCheckpoint, writeCheckpoint } from '../store/checkpoint.ts';
import type { Claim } from '../store/claim.ts';
import type { WriterStanding } from '../store/draws.ts';
import { runPaths } from '../store/rundir.ts';
import type { StoredTensor } from '../store/safetensors.ts';
import type { TrainState } from '../train/warm-start.ts';
import type { State, TensorData } from '../types.ts';
import { attemptOf } from './attempt.ts';
import type { LoadedRun } from './load.ts';
import type { TallyStanding } from './tally.ts';

interface SamplingFacts {
  /** The attempt of the chain that it is of. */
  readonly attempt: number;
  /** The next step. */
  readonly t: number;
  readonly draws: number;
  readonly gradients: number;
  readonly seconds: number;
  readonly warmup: TallyStanding;
  readonly sampling: TallyStanding;
  readonly trace: { step: number[]; stepSize: number[]; logDensity: number[] };
}

/** A chain before step t. */
export interface SamplingStanding {
  readonly facts: SamplingFacts;
  readonly writer: WriterStanding;
  /** What its monitor has summed up of earlier blocks. */
  readonly logSum: Float64Array;
  /** Its first draw `[d]`, if there was one. */
  readonly first: Float64Array | undefined;
  /** Its part of the sampler's state; float32 where it lives on a device. */
  readonly state: Readonly<Record<string, TensorData>>;
}

/** Where the chains of a block stand; neither for a block at its very start. */
export interface Standings {
  readonly training?: TrainState | undefined;
  readonly sampling?: readonly SamplingStanding[] | undefined;
}

const vector = (data: Float64Array | Float32Array): StoredTensor => ({ shape: [data.length], data });

/** Per member numbers and vectors of a training, each `[C]` or `[C × d]`. */
const MEMBER_FIELDS = ['theta', 'm', 'v', 'best', 'loss', 'bestEpoch', 'epochs'] as const;

export function saveTraining(
  { dir, network }: LoadedRun,
  chains: readonly number[],
  claims: readonly Claim[],
  state: TrainState,
): void {
  chains.forEach((chain, c) => {
    const tensors = MEMBER_FIELDS.map((name) => {
      const size = state[name].length / chains.length;
      return [name, vector(state[name].slice(c * size, (c + 1) * size))] as const;
    });
    const facts = { phase: 'training', epoch: state.epoch, dim: network.dim };
    writeCheckpoint(runPaths(dir).chain(chain), { tensors: Object.fromEntries(tensors), facts }, claims[c]);
  });
}

export async function saveSampling(
  { dir }: LoadedRun,
  chains: readonly number[],
  claims: readonly Claim[],
  of: (c: number) => Promise<SamplingStanding>,
): Promise<void> {
  for (const [c, chain] of chains.entries()) {
    const { facts, writer, logSum, first, state } = await of(c);
    const own = Object.entries(state).map(([name, values]) => [`state.${name}`, vector(values)] as const);
    const tensors = {
      ...Object.fromEntries(own),
      'writer.data': vector(writer.data),
      'writer.stats': vector(writer.stats),
      logSum: vector(logSum),
      ...(first && { first: vector(first) }),
    };
    const about = { phase: 'sampling', blocks: writer.blocks, ...facts };
    writeCheckpoint(runPaths(dir).chain(chain), { tensors, facts: about }, claims[c]);
  }
}

/** Chain c's part of a block's state, copied. What all chains of a block share is as long as it would be for one. */
export function partOf(state: State, c: number, chains: number): State {
  const parts = Object.entries(state).map(([name, values]) => {
    const shared = values.length % chains !== 0 || (values.length === 1 && chains > 1);
    const size = values.length / chains;
    return [name, shared ? values.slice() : values.slice(c * size, (c + 1) * size)];
  });
  return Object.fromEntries(parts);
}

/** The last whole checkpoint of the attempt that counts; what is left of an earlier one is none. */
function checkpointOf({ dir }: LoadedRun, chain: number, onDamage?: (message: string) => void): Checkpoint | undefined {
  const checkpoint = readCheckpoint(runPaths(dir).chain(chain), onDamage);
  return (checkpoint?.facts.attempt ?? 0) === attemptOf(dir, chain) ? checkpoint : undefined;
}

/** Where one chain stands, in a word: chains of the same word may go on together. */
export function standingOf(run: LoadedRun, chain: number, onDamage?: (message: string) => void): string {
  const facts = checkpointOf(run, chain, onDamage)?.facts;
  if (facts) return `${facts.phase} ${facts.epoch ?? facts.t}`;
  return attemptOf(run.dir, chain) > 0 ? 'start again' : 'start';
}

/** The chains by where they stand, in the order of the first of each. */
export function byStanding(
  run: LoadedRun,
  chains: readonly number[],
  onDamage?: (chain: number, message: string) => void,
): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  for (const chain of chains) {
    const place = standingOf(run, chain, (message) => onDamage?.(chain, message));
    groups.set(place, [...(groups.get(place) ?? []), chain]);
  }
  return groups;
}

/** Reads where the chains of a block stand; they must stand at the same place. */
export function readStandings(run: LoadedRun, chains: readonly number[]): Standings {
  const found = chains.map((chain) => checkpointOf(run, chain));
  const held = found.flatMap((checkpoint) => checkpoint ?? []);
  if (held.length < chains.length) return {};
  const of = (c: number, name: string) => held[c].tensors[name].data as Float64Array;
  if (held[0].facts.phase === 'training') {
    const joined = MEMBER_FIELDS.map((name) => [name, concatenated(chains.map((_, c) => of(c, name)))] as const);
    const fields = Object.fromEntries(joined) as Pick<TrainState, (typeof MEMBER_FIELDS)[number]>;
    return { training: { epoch: held[0].facts.epoch as number, ...fields } };
  }
  return {
    sampling: held.map(({ tensors, facts }, c) => ({
      facts: facts as unknown as SamplingFacts,
      writer: {
        blocks: facts.blocks as number,
        data: tensors['writer.data'].data as Float32Array,
        stats: of(c, 'writer.stats'),
      },
      logSum: of(c, 'logSum'),
      first: tensors.first?.data as Float64Array | undefined,
      state: Object.fromEntries(
        Object.entries(tensors).flatMap(([name, { data }]) =>
          name.startsWith('state.') ? [[name.slice('state.'.length), data as TensorData]] : [],
        ),
      ),
    })),
  };
}

/** Where a chain that has taken all its steps has come to, θ `[d]`; undefined where its last checkpoint is lost. */
export function lastPosition(run: LoadedRun, chain: number): Float64Array | undefined {
  const { warmup, steps } = run.spec.sampler;
  const [standing] = readStandings(run, [chain]).sampling ?? [];
  if (standing?.facts.t !== warmup + steps) return undefined;
  const { theta, high, low } = standing.state;
  return theta ? Float64Array.from(theta) : Float64Array.from(high, (x, i) => x + low[i]);
}

/** What makes the state of a block and hands it over, as a sampler does. */
export interface StateMaker {
  init(): State;
  endWarmup(state: State): void;
}

/** The state of a block whose chains stand there, after a warm-up of so many steps; a fresh one where they stand nowhere. */
export function standingState(
  { init, endWarmup }: StateMaker,
  standing: readonly Pick<SamplingStanding, 'state' | 'facts'>[] | undefined,
  warmup: number,
): State {
  const state = init();
  if (!standing) return state;
  // The hand-over may change which fields there are: the fresh state takes it too before it is filled.
  if (standing[0].facts.t > warmup) endWarmup(state);
  for (const [name, values] of Object.entries(state)) {
    const parts = standing.map((chain) => (chain.state[name] ?? []) as Float64Array);
    const merged = parts[0].length === values.length ? parts[0] : concatenated(parts);
    if (merged.length !== values.length) {
      throw shapeError(
        `checkpoint: expected ${values.length} numbers of '${name}', got ${merged.length}. It is of another version: run the fit again.`,
      );
    }
    values.set(merged);
  }
  return state;
}

function concatenated(parts: readonly Float64Array[]): Float64Array {
  const whole = new Float64Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Answers true once every so many seconds. */
export function timer(seconds: number): () => boolean {
  let last = performance.now();
  return () => {
    const now = performance.now();
    if (now - last < 1000 * seconds) return false;
    last = now;
    return true;
  };
}
