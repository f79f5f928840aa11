/**
 * The sound SMILE samplers over chains whose vectors live elsewhere: the step of `sound.ts`, with the scalars here.
 *
 * A kick needs three products (`turn`) and leaves a combination of m ⊙ g and u. Kicks with the same g compose, and so do
 * their products, so that u itself is brought up to date by the next move: a step costs its two gradients and nothing else.
 */
import { specError } from '../errors.ts';
import { direction } from '../math/random.ts';
import type { Combination, Products, ResidentChain } from '../residence.ts';
import type { Info, Key, State } from '../types.ts';
import { type Block, stepInfo } from './block.ts';
import { stepKey } from './chain.ts';
import { runStep } from './drive.ts';
import { turn } from './isokinetic.ts';
import { initialScalars } from './microcanonical.ts';
import { identity, type Preconditioner } from './preconditioner.ts';
import { AT_START, endWarmup, type SoundParts, soundStep } from './sound.ts';

export interface ResidentSampler {
  readonly name: string;
  /** Whether its chains need a multiplier and noise moments. */
  readonly preconditioned: boolean;
  /** The scalars of a block of chains. */
  init(keys: readonly Key[], d: number): State;
  /** Puts chain c at θ `[d]`, with its first velocity. */
  start<B>(state: State, c: number, chain: ResidentChain<B>, theta: Float64Array): Promise<void>;
  /** Advances every chain by step `t`, chain c on `batchOf(c)`. */
  step<B>(state: State, chains: readonly ResidentChain<B>[], batchOf: (c: number) => B, t: number): Promise<Info>;
  endWarmup(state: State): void;
}

/** Throws a `SpecError` for parts that need more than scalars: a refreshment, or a preconditioner of another kind. */
export function residentMicrocanonical(parts: SoundParts): ResidentSampler {
  const { name, preconditioner } = parts;
  const { rates } = preconditioner;
  if (!rates || parts.decoherence < Number.POSITIVE_INFINITY) {
    throw specError(
      `${name}: expected no refreshment and no preconditioner but the diagonal one of RMS(1/m) = 1 for steps on the ` +
        `device, got ${rates ? `a decoherence length of ${parts.decoherence}` : 'another preconditioner'}. ` +
        'Step on the host.',
    );
  }
  return {
    name,
    preconditioned: preconditioner !== identity,
    init: (keys, d) => ({
      ...initialScalars(parts, keys, d),
      cached: new Float64Array(keys.length),
      noiseCount: new Float64Array(keys.length),
      noiseSamples: new Float64Array(keys.length),
      ...pending.init(keys.length),
    }),
    start: (state, c, chain, theta) =>
      chain.start(theta, drawn(stepKey(state.keys, c, 'momentum', AT_START), chain.dim)),
    step: (state, chains, batchOf, t) =>
      runStep(soundStep(parts, state, residentBlock(state, chains, batchOf, rates), t)),
    endWarmup: (state) => endWarmup(parts, state),
  };
}

/** The chains on the batches of one step. */
function residentBlock<B>(
  state: State,
  chains: readonly ResidentChain<B>[],
  batchOf: (c: number) => B,
  rates: NonNullable<Preconditioner['rates']>,
): Block {
  const perChain = () => new Float64Array(chains.length);
  const [kinetic, squaredDistance] = [perChain(), perChain()];
  const marked = state.logDensity.slice();
  const d = chains[0].dim;
  const advance = async (c: number, length: number) => {
    const moved = await chains[c].move(pending.of(state, c), length * state.stepSize[c], batchOf(c));
    pending.renewed(state, c, moved);
    state.logDensity[c] = moved.value;
    squaredDistance[c] = moved.distance;
  };
  const kick = (coefficient: number) =>
    kinetic.forEach((_, c) => {
      kinetic[c] += pending.kick(state, c, d, coefficient * state.stepSize[c]);
    });
  return {
    d,
    kinetic,
    before: perChain(),
    info: stepInfo(chains.length),
    mark() {
      for (const chain of chains) chain.mark();
    },
    async look(everywhere) {
      for (const c of chains.keys()) if (everywhere || state.cached[c] === 0) await advance(c, 0);
    },
    async take(c, share) {
      if (share > 0 && Number.isFinite(state.square[c])) await chains[c].meter(1 / ++state.noiseSamples[c], share);
    },
    async move(coefficient, length) {
      kick(coefficient);
      for (const c of chains.keys()) await advance(c, length);
    },
    kick,
    refresh() {},
    async learn(c) {
      const now = rates(state.noiseCount[c] + 1);
      if (!now) return;
      state.noiseCount[c]++;
      const average = (await chains[c].learn(now.w, now.v)) / d;
      if (!now.renews || average === 0) return;
      pending.renewed(state, c, await chains[c].renew(pending.of(state, c), now.weight / average, 1 - now.weight));
    },
    async restore(c, key) {
      state.logDensity[c] = marked[c];
      squaredDistance[c] = 0;
      pending.renewed(state, c, await chains[c].restore(drawn(key, d)));
    },
    distances: (moved) => moved.set(squaredDistance.map(Math.sqrt)),
  };
}

function drawn(key: Key, d: number): Float64Array {
  const velocity = new Float64Array(d);
  direction(key, velocity);
  return velocity;
}

/** What kicks have made of u since it was last brought up to date, and the products of that u. */
const pending = {
  init: (chains: number): State => ({
    ofGradient: new Float64Array(chains),
    ofVelocity: new Float64Array(chains).fill(1),
    square: new Float64Array(chains),
    along: new Float64Array(chains),
    length: new Float64Array(chains),
  }),

  of: ({ ofGradient, ofVelocity }: State, c: number): Combination => ({
    gradient: ofGradient[c],
    velocity: ofVelocity[c],
  }),

  /** u is up to date, and these are its products. */
  renewed(state: State, c: number, { square, along, length }: Products): void {
    state.ofGradient[c] = 0;
    state.ofVelocity[c] = 1;
    state.square[c] = square;
    state.along[c] = along;
    state.length[c] = length;
  },

  /** Kicks over `h` and returns the kinetic energy change: u ← αg + βu takes u·g and ‖u‖² along in closed form. */
  kick({ ofGradient, ofVelocity, square, along, length }: State, c: number, d: number, h: number): number {
    const factors = Float64Array.of(square[c], along[c], length[c]);
    const energy = turn(factors, 0, 1, d, h);
    const [a, b] = factors;
    length[c] = a * a * square[c] + 2 * a * b * along[c] + b * b * length[c];
    along[c] = a * square[c] + b * along[c];
    ofGradient[c] = a + b * ofGradient[c];
    ofVelocity[c] *= b;
    return energy;
  },
};
