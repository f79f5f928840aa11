/** What the samplers that are not microcanonical share: keys, the room of a step, and one gradient step of a block. */
import { shapeError } from '../errors.ts';
import { squaredDistance, sumOf } from '../math/sums.ts';
import { fold, type Purpose, stream } from '../math/threefry.ts';
import type { Info, Key, LogDensity, Sampler, State, Step } from '../types.ts';
import { answered } from './drive.ts';

/** The fields of every state of this kind. */
export interface ChainState extends State {
  /** θ `[C × d]`. */
  theta: Float64Array;
  /** ε `[C]`. */
  stepSize: Float64Array;
  /** The chains' keys `[C × 2]`. */
  keys: Float64Array;
  /** `[1]`: 1 during warm-up. */
  adapting: Float64Array;
}

/** The state at `theta` `[C × d]`, copied. Throws when it does not divide into the chains. */
export function chainState(name: string, theta: Float64Array, keys: readonly Key[], stepSize: number): ChainState {
  if (theta.length === 0 || theta.length % keys.length !== 0) {
    throw shapeError(
      `${name}: expected positions for ${keys.length} chains, got ${theta.length} numbers. Give each chain d of them.`,
    );
  }
  return {
    theta: theta.slice(),
    stepSize: new Float64Array(keys.length).fill(stepSize),
    keys: Float64Array.from(keys.flat()),
    adapting: Float64Array.of(1),
  };
}

/** The key of chain c's stream for this purpose at step t. */
export function stepKey(keys: Float64Array, c: number, purpose: Purpose, t: number): Key {
  return fold(stream([keys[2 * c], keys[2 * c + 1]], purpose), t);
}

/** An empty `Info` for C chains. */
export function emptyInfo(chains: number): Info & { gradients: number } {
  const perChain = () => new Float64Array(chains);
  return {
    logDensity: perChain(),
    energyChange: perChain().fill(Number.NaN),
    stepSize: perChain(),
    reset: perChain(),
    nonFinite: perChain(),
    moved: perChain(),
    gradients: 0,
  };
}

/** Whether every number of `v[at … at+d)` is finite. */
export const allFinite = (v: Float64Array, at: number, d: number): boolean => Number.isFinite(sumOf(v, at, at + d));

/** Copies `[at, at+d)` from one block array to another. */
export function copyRange(from: Float64Array, to: Float64Array, at: number, d: number): void {
  to.set(from.subarray(at, at + d), at);
}

export interface GradientSampler {
  readonly name: string;
  /** Initial step size ε > 0. */
  readonly stepSize: number;
  /** The fields it adds to the state. */
  init(chains: number, d: number): State;
  /** ε of chain c at step t; default: the state's. */
  stepSizeAt?(state: ChainState, c: number, t: number): number;
  /** Moves chain c with the gradient estimate `gradient` `[C × d]` at its position; `z` is scratch `[C × d]`. */
  move(state: ChainState, c: number, d: number, t: number, gradient: Float64Array, z: Float64Array): void;
  /** What endWarmup does besides ending the adaptation. */
  handOver?(state: ChainState): void;
}

/**
 * A sampler that spends one gradient a step: gradient at θ on the step's batch, then a move. A chain whose gradient or
 * new position is not finite stays where it was, and the step is counted.
 */
export function gradientSampler(parts: GradientSampler): Sampler<ChainState> {
  let room = { chains: 0, size: 0, ...scratch(0, 0) };
  return {
    name: parts.name,

    init(theta, keys) {
      return {
        ...chainState(parts.name, theta, keys, parts.stepSize),
        ...parts.init(keys.length, theta.length / keys.length),
      };
    },

    *step<B>(state: ChainState, density: LogDensity<B>, batch: B, t: number): Step {
      const chains = state.stepSize.length;
      const size = state.theta.length;
      if (room.chains !== chains || room.size !== size) room = { chains, size, ...scratch(chains, size) };
      const { before, gradient, z, info } = room;
      const d = size / chains;
      before.set(state.theta);
      yield* answered(density.evaluate(state.theta, batch, info.logDensity, gradient));
      for (let c = 0; c < chains; c++) {
        const at = c * d;
        info.stepSize[c] = parts.stepSizeAt?.(state, c, t) ?? state.stepSize[c];
        let finite = Number.isFinite(info.logDensity[c]) && allFinite(gradient, at, d);
        if (finite) {
          parts.move(state, c, d, t, gradient, z);
          finite = allFinite(state.theta, at, d);
          if (!finite) copyRange(before, state.theta, at, d);
        }
        info.nonFinite[c] = finite ? 0 : 1;
        info.reset[c] = finite ? 0 : 1;
        info.moved[c] = Math.sqrt(squaredDistance(state.theta, before, at, at + d));
      }
      info.gradients = 1;
      return info;
    },

    endWarmup(state) {
      state.adapting[0] = 0;
      parts.handOver?.(state);
    },
  };
}

function scratch(chains: number, size: number) {
  const block = () => new Float64Array(size);
  return { before: block(), gradient: block(), z: block(), info: emptyInfo(chains) };
}
