/**
 * The sound SMILE samplers over chains whose vectors live elsewhere. Step by step they do what `sound.ts` does; here are
 * only the scalars.
 *
 * A kick needs three products (`turn`) and leaves a combination of m ⊙ g and u. Kicks with the same g compose, and so do
 * their products, so that u itself is brought up to date by the next move: a step costs its two gradients and nothing else.
 */
import { specError } from '../errors.ts';
import { direction } from '../math/random.ts';
import type { Combination, Info, Key, Products, ResidentChain, State } from '../types.ts';
import { chainKey, emptyInfo } from './chain.ts';
import { INNER_KICK, OUTER_KICK, turn } from './isokinetic.ts';
import { independentBatches } from './noise-meter.ts';
import { identity } from './preconditioner.ts';
import { AT_START, type SoundParts } from './sound.ts';

export interface ResidentSampler {
  readonly name: string;
  /** Whether its chains need a multiplier and noise moments. */
  readonly preconditioned: boolean;
  /** The scalars of a block of chains. */
  init(keys: readonly Key[], d: number): State;
  /** Puts chain c at θ `[d]`, with its first velocity. */
  start<B>(state: State, c: number, chain: ResidentChain<B>, theta: Float64Array): Promise<void>;
  /** Advances every chain by step `t`, chain c on `batchOf(c)`. */
  step<B>(state: State, block: readonly ResidentChain<B>[], batchOf: (c: number) => B, t: number): Promise<Info>;
  endWarmup(state: State): void;
}

/** Throws a `SpecError` for parts that need more than scalars: a refreshment, or a preconditioner of another kind. */
export function residentMicrocanonical(parts: SoundParts): ResidentSampler {
  const { name, preconditioner, controller, energyEvery, noiseShare = independentBatches } = parts;
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

    init(keys, d) {
      const chains = keys.length;
      return {
        keys: Float64Array.from(keys.flat()),
        stepSize: new Float64Array(chains).fill(parts.stepSize),
        logDensity: new Float64Array(chains),
        cached: new Float64Array(chains),
        adapting: Float64Array.of(1),
        decoherence: new Float64Array(chains).fill(Number.POSITIVE_INFINITY),
        noiseCount: new Float64Array(chains),
        noiseSamples: new Float64Array(chains),
        ...pending.init(chains),
        ...controller.init(chains, parts.stepSize, d),
      };
    },

    start: (state, c, chain, theta) => chain.start(theta, drawn(state, c, chain.dim, AT_START)),

    async step(state, block, batchOf, t) {
      const info = { ...emptyInfo(block.length), ownGradients: new Float64Array(block.length) };
      info.stepSize.set(state.stepSize);
      const adapting = state.adapting[0] === 1;
      const measured = t % energyEvery === 0;
      for (const [c, chain] of block.entries()) {
        const d = chain.dim;
        const h = state.stepSize[c];
        const cachedValue = state.logDensity[c];
        const fresh = measured || state.cached[c] === 0;
        const move = async (length: number) => {
          const moved = await chain.move(pending.of(state, c), length * h, batchOf(c));
          pending.renewed(state, c, moved);
          state.logDensity[c] = moved.value;
          return moved;
        };
        chain.mark();
        if (fresh) {
          const share = state.cached[c] && adapting ? noiseShare(state.cached[c] - 1, t) : 0;
          const { square } = await move(0);
          if (share > 0 && Number.isFinite(square)) await chain.meter(1 / ++state.noiseSamples[c], share);
        }
        const before = state.logDensity[c];
        let kinetic = pending.kick(state, c, d, OUTER_KICK * h);
        await move(0.5);
        kinetic += pending.kick(state, c, d, INNER_KICK * h);
        const { distance } = await move(0.5);
        kinetic += pending.kick(state, c, d, OUTER_KICK * h);

        const energyChange = kinetic - (state.logDensity[c] - before);
        if (measured) info.energyChange[c] = energyChange;
        if (Number.isFinite(energyChange)) {
          if (adapting) await learn(state, c, chain);
          if (measured && controller.judge(state, c, d, energyChange, adapting)) info.reset[c] = 1;
        } else {
          info.nonFinite[c] = 1;
          info.reset[c] = 1;
          controller.diverged(state, c, adapting);
        }
        if (info.reset[c]) {
          state.logDensity[c] = cachedValue;
          pending.renewed(state, c, await chain.restore(drawn(state, c, d, t)));
        } else {
          state.cached[c] = t + 1;
          info.moved[c] = Math.sqrt(distance);
        }
        info.ownGradients[c] = fresh ? 3 : 2;
        info.gradients = Math.max(info.gradients, info.ownGradients[c]);
      }
      info.logDensity.set(state.logDensity);
      return info;
    },

    endWarmup(state) {
      if (parts.freeze ?? true) state.adapting[0] = 0;
    },
  };

  async function learn<B>(state: State, c: number, chain: ResidentChain<B>): Promise<void> {
    const now = rates?.(state.noiseCount[c] + 1);
    if (!now) return;
    state.noiseCount[c]++;
    const average = (await chain.learn(now.w, now.v)) / chain.dim;
    if (!now.renews || average === 0) return;
    const products = await chain.renew(pending.of(state, c), now.weight / average, 1 - now.weight);
    pending.renewed(state, c, products);
  }
}

function drawn({ keys }: State, c: number, d: number, t: number): Float64Array {
  const velocity = new Float64Array(d);
  direction(chainKey(keys, c, 'momentum', t), velocity);
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
