/** Checkpoints of chains: where each stands in its warm start or in its sampling, a file a chain, so that any of them form a block. */
import { shapeError } from '../errors.ts';
import type { LoadedRun } from '../spec/loaded-run.ts';
import { type Checkpoint, readCheckpoint, writeCheckpoint } from '../store/checkpoint.ts';
import type { Claim } from '../store/claim.ts';
import type { WriterPlace } from '../store/draws.ts';
import { readHeld } from '../store/held.ts';
import { runPaths } from '../store/rundir.ts';
import type { StoredTensor } from '../store/safetensors.ts';
import type { TrainState } from '../train/warm-start.ts';
import type { State } from '../types.ts';
import { attemptOf } from './attempt.ts';
import {
  type ChainStanding,
  MEMBER_FIELDS,
  type MemberFields,
  type SamplingStanding,
  standingIn,
} from './checkpointed.ts';
import { drawsPerFile, SAMPLE_STATS } from './posterior-store.ts';

/** Where the chains of a block stand; neither for a block at its very start. */
export interface Standings {
  readonly training?: TrainState | undefined;
  readonly sampling?: readonly SamplingStanding[] | undefined;
}

const vector = (data: Float64Array | Float32Array): StoredTensor => ({ shape: [data.length], data });

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
    const facts = { phase: 'training', epoch: state.epoch, step: state.step, dim: network.dim };
    writeCheckpoint(runPaths(dir).chain(chain), { tensors: Object.fromEntries(tensors), facts }, claims[c]);
  });
}

export async function saveSampling(
  { dir }: LoadedRun,
  chains: readonly number[],
  claims: readonly Claim[],
  of: (c: number) => Promise<Omit<SamplingStanding, 'writer'> & { readonly writer: WriterPlace }>,
): Promise<void> {
  for (const [c, chain] of chains.entries()) {
    const { facts, writer, logSum, first, state } = await of(c);
    const own = Object.entries(state).map(([name, values]) => [`state.${name}`, vector(values)] as const);
    const tensors = {
      ...Object.fromEntries(own),
      logSum: vector(logSum),
      ...(first && { first: vector(first) }),
    };
    const about = { phase: 'sampling', blocks: writer.files, ...facts };
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

/**
 * Where a chain's attempt that counts stands; undefined before its first checkpoint. `onDamage` hears of checkpoints that cannot be used.
 */
export function chainStanding(
  { dir, network }: LoadedRun,
  chain: number,
  onDamage?: (message: string) => void,
): ChainStanding | undefined {
  const { dim } = network;
  const folder = runPaths(dir).chain(chain);
  const heldAt = ({ files, held }: WriterPlace) =>
    readHeld(folder, { files, count: held, dim, stats: SAMPLE_STATS.length });
  const parse = (found: Checkpoint, path: string) =>
    standingIn(found, path, { dim, drawsPerFile: drawsPerFile(network) }, heldAt);
  const found = readCheckpoint(folder, parse, onDamage);
  const attempt = found?.phase === 'sampling' ? found.sampling.facts.attempt : 0;
  return attempt === attemptOf(dir, chain) ? found : undefined;
}

/** Where one chain stands, in a word: chains of the same word may go on together. */
export function standingOf(run: LoadedRun, chain: number, onDamage?: (message: string) => void): string {
  const found = chainStanding(run, chain, onDamage);
  if (!found) return attemptOf(run.dir, chain) > 0 ? 'start again' : 'start';
  return found.phase === 'training' ? `training ${found.epoch} ${found.step}` : `sampling ${found.sampling.facts.t}`;
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
  const found = chains.flatMap((chain) => chainStanding(run, chain) ?? []);
  if (found.length < chains.length) return {};
  const members = found.flatMap((at) => (at.phase === 'training' ? at : []));
  if (members.length === 0) return { sampling: found.flatMap((at) => (at.phase === 'sampling' ? at.sampling : [])) };
  const joined = MEMBER_FIELDS.map((name) => [name, concatenated(members.map(({ member }) => member[name]))] as const);
  const [{ epoch, step }] = members;
  return { training: { epoch, step, ...(Object.fromEntries(joined) as unknown as MemberFields) } };
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
