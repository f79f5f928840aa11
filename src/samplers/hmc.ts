/**
 * Hamiltonian Monte Carlo with a Metropolis test: exact for every step size, the reference that certifies targets.
 * Full gradients only (a mini-batch would make the test wrong).
 */
import { normals, uniforms } from '../math/random.ts';
import { squaredDistance } from '../math/sums.ts';
import type { LogDensity, Sampler, Step } from '../types.ts';
import { allFinite, type ChainState, chainState, copyRange, emptyInfo, stepKey } from './chain.ts';
import { answered } from './drive.ts';

export interface HmcOptions {
  /** Initial step size; warm-up finds the one with the acceptance asked for. */
  readonly stepSize: number;
  /** Leapfrog steps of a proposal. */
  readonly leapfrogs: number;
  /** Mean acceptance that the step size is tuned to. */
  readonly acceptance: number;
}

const HMC_DEFAULTS: HmcOptions = { stepSize: 0.1, leapfrogs: 16, acceptance: 0.8 };

/** The step size of every proposal is ε(1 + JITTER(2U−1)): no resonance with the target's periods. */
const JITTER = 0.5;
/** Dual averaging of Hoffman & Gelman 2014, with their constants. */
const [GAMMA, T0, KAPPA] = [0.05, 10, 0.75];

export function hmc(options: Partial<HmcOptions> = {}): Sampler {
  const { stepSize, leapfrogs, acceptance } = { ...HMC_DEFAULTS, ...options };
  return {
    name: 'hmc',

    init(theta, keys) {
      const perChain = (value: number) => new Float64Array(keys.length).fill(value);
      return {
        ...chainState('hmc', theta, keys, stepSize),
        gradient: new Float64Array(theta.length),
        logDensity: perChain(0),
        cached: Float64Array.of(0),
        proposals: perChain(0),
        shortfall: perChain(0),
        logStepMean: perChain(Math.log(stepSize)),
      };
    },

    *step<B>(state: ChainState, density: LogDensity<B>, batch: B, t: number): Step {
      const chains = state.stepSize.length;
      const d = state.theta.length / chains;
      const info = emptyInfo(chains);
      if (state.cached[0] === 0) {
        yield* answered(density.evaluate(state.theta, batch, state.logDensity, state.gradient));
        state.cached[0] = 1;
        info.gradients++;
      }
      const theta = state.theta.slice();
      const gradient = state.gradient.slice();
      const value = state.logDensity.slice();
      const momentum = new Float64Array(theta.length);
      const uniform = new Float64Array(2 * chains);
      const kinetic = (c: number) => {
        let sum = 0;
        for (let i = c * d; i < (c + 1) * d; i++) sum += 0.5 * momentum[i] ** 2;
        return sum;
      };
      for (let c = 0; c < chains; c++) {
        normals(stepKey(state.keys, c, 'momentum', t), momentum, c * d, d);
        uniforms(stepKey(state.keys, c, 'noise', t), uniform, 2 * c, 2);
        info.stepSize[c] = state.stepSize[c] * (1 + JITTER * (2 * uniform[2 * c] - 1));
      }
      const before = Float64Array.from(value, (v, c) => v - kinetic(c));
      for (let k = 0; k < leapfrogs; k++) {
        for (let c = 0; c < chains; c++) {
          const h = info.stepSize[c];
          for (let i = c * d; i < (c + 1) * d; i++) {
            momentum[i] += 0.5 * h * gradient[i];
            theta[i] += h * momentum[i];
          }
        }
        yield* answered(density.evaluate(theta, batch, value, gradient));
        info.gradients++;
        for (let c = 0; c < chains; c++) {
          for (let i = c * d; i < (c + 1) * d; i++) momentum[i] += 0.5 * info.stepSize[c] * gradient[i];
        }
      }
      for (let c = 0; c < chains; c++) {
        const at = c * d;
        const energyChange = before[c] - (value[c] - kinetic(c));
        const finite = Number.isFinite(energyChange) && allFinite(gradient, at, d);
        const chance = finite ? Math.min(1, Math.exp(-energyChange)) : 0;
        info.energyChange[c] = energyChange;
        info.nonFinite[c] = finite ? 0 : 1;
        info.reset[c] = uniform[2 * c + 1] < chance ? 0 : 1;
        if (info.reset[c] === 0) {
          info.moved[c] = Math.sqrt(squaredDistance(theta, state.theta, at, at + d));
          copyRange(theta, state.theta, at, d);
          copyRange(gradient, state.gradient, at, d);
          state.logDensity[c] = value[c];
        }
        if (state.adapting[0] === 1) averageDually(state, c, stepSize, acceptance - chance);
      }
      info.logDensity.set(state.logDensity);
      return info;
    },

    endWarmup(state) {
      state.adapting[0] = 0;
      state.stepSize.forEach((_, c) => {
        if (state.proposals[c] > 0) state.stepSize[c] = Math.exp(state.logStepMean[c]);
      });
    },
  } as Sampler;
}

/** One update of chain c's log ε from the acceptance that it fell short by. */
function averageDually(state: ChainState, c: number, first: number, shortfall: number): void {
  const n = ++state.proposals[c];
  state.shortfall[c] += (shortfall - state.shortfall[c]) / (n + T0);
  const log = Math.log(10 * first) - (Math.sqrt(n) / GAMMA) * state.shortfall[c];
  state.stepSize[c] = Math.exp(log);
  state.logStepMean[c] += Math.exp(-KAPPA * Math.log(n)) * (log - state.logStepMean[c]);
}
