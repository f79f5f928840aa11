/** What a sampler of the microcanonical family is made of, and its state. `sound.ts` and `paper.ts` put their semantics around it. */
import { shapeError } from '../errors.ts';
import type { Key, State } from '../types.ts';
import type { Controller } from './controller.ts';
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

/** The scalars of a block of chains; the controller adds its own. */
interface Scalars extends State {
  /** Log density estimate at θ `[C]`. */
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

/** The fields of every state whose vectors lie here; the preconditioner adds its own. */
export interface MicrocanonicalState extends Scalars {
  /** θ `[C × d]`. */
  theta: Float64Array;
  /** Unit velocity u `[C × d]`. */
  velocity: Float64Array;
  /** Gradient estimate cached for the next first kick `[C × d]`. */
  gradient: Float64Array;
}

/** The scalars of chains of dimension d, nothing cached. */
export function initialScalars(parts: MicrocanonicalParts, keys: readonly Key[], d: number): Scalars {
  const each = (value: number) => new Float64Array(keys.length).fill(value);
  return {
    logDensity: each(0),
    stepSize: each(parts.stepSize),
    decoherence: each(parts.decoherence),
    keys: Float64Array.from(keys.flat()),
    adapting: Float64Array.of(1),
    ...parts.controller.init(keys.length, parts.stepSize, d),
  };
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
    ...parts.preconditioner.init(chains, d),
    ...initialScalars(parts, keys, d),
  };
}
