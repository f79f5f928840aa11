/** A block of chains whose vectors lie here: in the state, and beside it. */
import { sideBySide } from '../math/native.ts';
import { direction, normals } from '../math/random.ts';
import { squaredDistance } from '../math/sums.ts';
import type { LogDensity } from '../types.ts';
import { type Block, stepInfo } from './block.ts';
import { allFinite, copyRange, stepKey } from './chain.ts';
import type { Answer } from './drive.ts';
import { drift, kick, kickAll, refresh, refreshStrength } from './isokinetic.ts';
import type { MicrocanonicalParts, MicrocanonicalState } from './microcanonical.ts';
import { noiseMeter } from './noise-meter.ts';

/** Whether the gradient that a step finds cached is raw, or Aᵀg. */
type GradientForm = 'raw' | 'whitened';
/** Writes log density `[C]` and gradient `[C × d]` at `theta`. */
export type Evaluate = (theta: Float64Array, value: Float64Array, gradient: Float64Array) => Answer;

export interface HostBlock extends Block {
  /** θ `[C × d]` and log density `[C]` at the mark. */
  readonly marked: { readonly theta: Float64Array; readonly logDensity: Float64Array };
  /** Scratch `[C × d]`. */
  readonly mapped: Float64Array;
  readonly spare: Float64Array;
  /** On the batch of the present step. */
  evaluate: Evaluate;
}

/** The block of every state, on the batch of a step: made when a state is, or is first seen. */
export function hostBlocks(parts: MicrocanonicalParts, found: GradientForm = 'raw') {
  const blocks = new WeakMap<MicrocanonicalState, HostBlock>();
  return <B>(state: MicrocanonicalState, density: LogDensity<B>, batch: B): HostBlock => {
    let block = blocks.get(state);
    if (!block) {
      block = hostBlock(parts, state, found);
      blocks.set(state, block);
    }
    block.evaluate = (theta, value, gradient) => density.evaluate(theta, batch, value, gradient);
    return block;
  };
}

/** The block's arrays are those of its state, which it moves beside its own, where kernels reach them all. */
function hostBlock(
  { preconditioner }: MicrocanonicalParts,
  state: MicrocanonicalState,
  found: GradientForm,
): HostBlock {
  const chains = state.logDensity.length;
  const size = state.theta.length;
  const d = size / chains;
  const moving = Object.keys(state).filter((name) => state[name].length <= size);
  const own = [size, size, size, size, 3 * chains, chains, chains, chains];
  const arrays = sideBySide(Float64Array, [...own, ...moving.map((name) => state[name].length)]);
  const [markedTheta, markedGradient, mapped, spare, turns, markedLogDensity, kinetic, before] = arrays;
  for (const [i, name] of moving.entries()) {
    const moved = arrays[own.length + i];
    moved.set(state[name]);
    state[name] = moved;
  }
  let whitened = false;

  /** Kicks every chain over `coefficient` ε, then lets it drift over `length` ε. */
  const kickAndDrift = (coefficient: number, length: number) => {
    const { theta, velocity, gradient, stepSize } = state;
    if (preconditioner.multiplier && !whitened) {
      const kicked = { theta, velocity, gradient, stepSize, turns, kinetic };
      kickAll(kicked, coefficient, length, preconditioner.multiplier(state));
      return;
    }
    for (let c = 0; c < chains; c++) {
      const g = whitened ? gradient : preconditioner.whiten(state, c, d, gradient, mapped);
      kinetic[c] += kick(velocity, g, c * d, d, coefficient * stepSize[c]);
      if (length === 0) continue;
      drift(theta, preconditioner.colour(state, c, d, velocity, mapped), c * d, d, length * stepSize[c]);
    }
  };
  return {
    d,
    kinetic,
    before,
    info: stepInfo(chains),
    marked: { theta: markedTheta, logDensity: markedLogDensity },
    mapped,
    spare,
    evaluate() {},
    mark() {
      markedTheta.set(state.theta);
      markedGradient.set(state.gradient);
      markedLogDensity.set(state.logDensity);
      kinetic.fill(0);
      whitened = found === 'whitened';
    },
    look() {
      return this.evaluate(state.theta, before, spare);
    },
    take(c, share) {
      if (share > 0 && allFinite(spare, c * d, d)) {
        noiseMeter.absorb(state, c, d, [spare, state.gradient], mapped, share);
        preconditioner.learnNoise?.(state, c, d, mapped);
      }
      copyRange(spare, state.gradient, c * d, d);
      state.logDensity[c] = before[c];
    },
    move(coefficient, length) {
      kickAndDrift(coefficient, length);
      whitened = false;
      return this.evaluate(state.theta, state.logDensity, state.gradient);
    },
    kick: (coefficient) => kickAndDrift(coefficient, 0),
    refresh(t, half) {
      const { velocity, stepSize, decoherence, keys } = state;
      for (let c = 0; c < chains; c++) {
        if (decoherence[c] === Number.POSITIVE_INFINITY) continue;
        normals(stepKey(keys, c, 'refresh', 2 * t + half), mapped, c * d, d);
        refresh(velocity, mapped, c * d, d, refreshStrength(0.5 * stepSize[c], decoherence[c], d));
      }
    },
    learn: (c) => preconditioner.learn(state, c, d, state.gradient),
    restore(c, key) {
      copyRange(markedTheta, state.theta, c * d, d);
      copyRange(markedGradient, state.gradient, c * d, d);
      state.logDensity[c] = markedLogDensity[c];
      direction(key, state.velocity, c * d, d);
    },
    distances(moved) {
      for (let c = 0; c < chains; c++) {
        moved[c] = Math.sqrt(squaredDistance(state.theta, markedTheta, c * d, (c + 1) * d));
      }
    },
  };
}
