/**
 * What both modes of the SMILE family share: the parts a sampler is made of, its state, the room it works in, and one
 * McLachlan step. `sound.ts` and `paper.ts` put their own semantics around it.
 */
import { shapeError } from '../errors.ts';
import { sideBySide } from '../math/native.ts';
import { normals } from '../math/random.ts';
import { squaredDistances } from '../math/sums.ts';
import type { Info, Key, LogDensity, State } from '../types.ts';
import { chainKey, emptyInfo } from './chain.ts';
import type { Controller } from './controller.ts';
import { evaluate } from './drive.ts';
import { drift, INNER_KICK, kick, kickAll, OUTER_KICK, refresh, refreshStrength } from './isokinetic.ts';
import type { Preconditioner } from './preconditioner.ts';

export interface MicrocanonicalParts {
  readonly name: string;
  /** Initial step size ε₀ > 0, in units of θ (after preconditioning). */
  readonly stepSize: number;
  readonly preconditioner: Preconditioner;
  readonly controller: Controller;
  /** Initial momentum decoherence length L > 0 of an isotropic refreshment; Infinity for none (the paper). */
  readonly decoherence: number;
}

/** The fields of every microcanonical state; preconditioner and controller add their own. */
export interface MicrocanonicalState extends State {
  /** θ `[C × d]`. */
  theta: Float64Array;
  /** Unit velocity u `[C × d]`. */
  velocity: Float64Array;
  /** Gradient estimate cached for the next first kick `[C × d]`. */
  gradient: Float64Array;
  /** Log density estimate cached with it `[C]`. */
  logDensity: Float64Array;
  /** ε `[C]`. */
  stepSize: Float64Array;
  /** L `[C]`. */
  decoherence: Float64Array;
  /** The chains' keys `[C × 2]`. */
  keys: Float64Array;
  /** `[1]`: 1 while the sampler adapts, 0 once frozen. */
  adapting: Float64Array;
}

/** Builds the state at `theta` `[C × d]` with zero velocity and nothing cached. Throws when d < 2 or sizes differ. */
export function initialState(
  parts: MicrocanonicalParts,
  theta: Float64Array,
  keys: readonly Key[],
): MicrocanonicalState {
  const chains = keys.length;
  const d = theta.length / chains;
  if (!Number.isInteger(d) || d < 2) {
    throw shapeError(
      `${parts.name}: expected positions for ${chains} chains of dimension at least 2, got ${theta.length} numbers. ` +
        'The direction of motion lives on the unit sphere: give every chain two or more parameters.',
    );
  }
  return {
    theta: theta.slice(),
    velocity: new Float64Array(theta.length),
    gradient: new Float64Array(theta.length),
    logDensity: new Float64Array(chains),
    stepSize: new Float64Array(chains).fill(parts.stepSize),
    decoherence: new Float64Array(chains).fill(parts.decoherence),
    keys: Float64Array.from(keys.flat()),
    adapting: Float64Array.of(1),
    ...parts.preconditioner.init(chains, d),
    ...parts.controller.init(chains, parts.stepSize, d),
  };
}

/** Room for the steps of a block. It moves the state's own arrays beside its own, where kernels reach them all. */
export class Workspace {
  readonly chains: number;
  readonly d: number;
  /** Copies of the state before the step. */
  readonly theta: Float64Array;
  readonly gradient: Float64Array;
  readonly logDensity: Float64Array;
  /** Kinetic energy change of the step so far `[C]`. */
  readonly kinetic: Float64Array;
  /** Scratch `[3 × C]`. */
  readonly turns: Float64Array;
  /** Scratch `[C × d]`. */
  readonly mapped: Float64Array;
  readonly spare: Float64Array;
  readonly spareValue: Float64Array;
  readonly info: Info & { gradients: number; ownGradients?: Float64Array };

  constructor(state: MicrocanonicalState) {
    const chains = state.logDensity.length;
    const size = state.theta.length;
    this.chains = chains;
    this.d = size / chains;
    const moving = Object.keys(state).filter((name) => state[name].length <= size);
    const own = [size, size, size, size, 3 * chains, chains, chains, chains];
    const arrays = sideBySide(Float64Array, [...own, ...moving.map((name) => state[name].length)]);
    [this.theta, this.gradient, this.mapped, this.spare, this.turns] = arrays;
    [this.logDensity, this.kinetic, this.spareValue] = arrays.slice(5);
    for (const [i, name] of moving.entries()) {
      const moved = arrays[own.length + i];
      moved.set(state[name]);
      state[name] = moved;
    }
    this.info = emptyInfo(chains);
  }

  /** Remembers what a rejected step restores, and clears what the step sums up. */
  remember(state: MicrocanonicalState): void {
    this.theta.set(state.theta);
    this.gradient.set(state.gradient);
    this.logDensity.set(state.logDensity);
    this.kinetic.fill(0);
    this.info.stepSize.set(state.stepSize);
    this.info.reset.fill(0);
    this.info.nonFinite.fill(0);
    this.info.gradients = 0;
  }

  /** Writes what everybody wants to know of the finished step. */
  finish(state: MicrocanonicalState): Info {
    const { chains, theta, turns, info } = this;
    info.logDensity.set(state.logDensity);
    squaredDistances(state.theta, theta, turns, chains);
    for (let c = 0; c < chains; c++) info.moved[c] = Math.sqrt(turns[c]);
    return info;
  }
}

/** The workspace of every state: made when a state is, or is first seen. */
export function workspaces(): (state: MicrocanonicalState) => Workspace {
  const rooms = new WeakMap<MicrocanonicalState, Workspace>();
  return (state) => {
    const held = rooms.get(state);
    if (held) return held;
    const made = new Workspace(state);
    rooms.set(state, made);
    return made;
  };
}

/**
 * One McLachlan step of every chain on a frozen batch: kick b₁, half drift, kick b₂, half drift, kick b₁. The first
 * kick uses the cached gradient, raw or already whitened; the last one leaves θ's raw gradient and log density in the
 * state. Two evaluations. `room.kinetic` receives the sum of the three kinetic energy changes.
 */
export function* mclachlan<B>(
  parts: MicrocanonicalParts,
  state: MicrocanonicalState,
  room: Workspace,
  density: LogDensity<B>,
  batch: B,
  cached: 'raw' | 'whitened',
): Generator<Promise<void>, void, void> {
  const { theta, gradient, logDensity } = state;
  kickAndDrift(parts, state, room, OUTER_KICK, 0.5, cached);
  yield* evaluate(density, theta, batch, logDensity, gradient);
  kickAndDrift(parts, state, room, INNER_KICK, 0.5, 'raw');
  yield* evaluate(density, theta, batch, logDensity, gradient);
  kickAndDrift(parts, state, room, OUTER_KICK, 0, 'raw');
  room.info.gradients += 2;
}

/** Kicks every chain over `coefficient` ε, then lets it drift over `length` ε. */
function kickAndDrift(
  { preconditioner }: MicrocanonicalParts,
  state: MicrocanonicalState,
  room: Workspace,
  coefficient: number,
  length: number,
  cached: 'raw' | 'whitened',
): void {
  const { theta, velocity, gradient, stepSize } = state;
  const { chains, d, kinetic, turns, mapped } = room;
  if (preconditioner.multiplier && cached === 'raw') {
    const block = { theta, velocity, gradient, stepSize, turns, kinetic };
    kickAll(block, coefficient, length, preconditioner.multiplier(state));
    return;
  }
  for (let c = 0; c < chains; c++) {
    const g = cached === 'raw' ? preconditioner.whiten(state, c, d, gradient, mapped) : gradient;
    kinetic[c] += kick(velocity, g, c * d, d, coefficient * stepSize[c]);
    if (length === 0) continue;
    drift(theta, preconditioner.colour(state, c, d, velocity, mapped), c * d, d, length * stepSize[c]);
  }
}

/** Refreshes every chain's velocity over half a step; `half` (0 or 1) separates the two streams of a step. */
export function refreshAll(state: MicrocanonicalState, room: Workspace, t: number, half: 0 | 1): void {
  const { chains, d, mapped } = room;
  const { velocity, stepSize, decoherence, keys } = state;
  for (let c = 0; c < chains; c++) {
    if (decoherence[c] === Number.POSITIVE_INFINITY) continue;
    normals(chainKey(keys, c, 'refresh', 2 * t + half), mapped, c * d, d);
    refresh(velocity, mapped, c * d, d, refreshStrength(0.5 * stepSize[c], decoherence[c], d));
  }
}
