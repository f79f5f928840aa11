/**
 * What the two step-size tuners do over orders of magnitude of initial step size: the paper's quantile rule has no set
 * point, the set-point controller finds the same step size from anywhere.
 */
import { median } from '../infer/function-space.ts';
import { fold, rootKey } from '../math/threefry.ts';
import { stepSync } from '../samplers/drive.ts';
import { smileSampler } from '../samplers/smile.ts';
import { icg } from '../targets/gaussian.ts';
import { injectedForce, type NoiseLaw, noisy } from '../targets/noise.ts';

export const TUNER_STEP_SIZES: readonly number[] = [1e-5, 1e-4, 1e-3, 1e-2, 1e-1];
const LAWS: readonly NoiseLaw[] = ['normal', 'laplace', 'log-normal'];
const RULES = ['paper', 'set-point'] as const;

export interface TunerRow {
  readonly rule: (typeof RULES)[number];
  readonly law: NoiseLaw;
  readonly initial: number;
  /** Median over the chains of the last step size. */
  readonly final: number;
  /** final / initial. */
  readonly drift: number;
  /** Median of E[ΔE²]/d over the last tenth; NaN where the rule does not measure it on one batch. */
  readonly energyError: number;
}

export interface TunerOptions {
  readonly steps: number;
  readonly chains: number;
  readonly seed: number;
  readonly stepSizes: readonly number[];
}

/** pSMILE on ICG under isotropic noise of three laws, all warm-up. */
export function runTunerStudy({ steps, chains, seed, stepSizes }: TunerOptions): TunerRow[] {
  return RULES.flatMap((rule) =>
    LAWS.flatMap((law) =>
      stepSizes.map((initial): TunerRow => {
        const target = icg();
        const density = noisy(target);
        const force = injectedForce('isotropic', { law, shape: 1 });
        const sampler = smileSampler('psmile', { stepSize: initial, mode: rule === 'paper' ? 'paper' : 'sound' });
        const keys = Array.from({ length: chains }, (_, c) => fold(rootKey(seed), c));
        const state = sampler.init(new Float64Array(chains * target.dim), keys);
        const noise = new Float64Array(chains * target.dim);
        const square = new Float64Array(chains);
        const counted = new Float64Array(chains);
        for (let t = 0; t < steps; t++) {
          force(keys, t, noise);
          const { energyChange } = stepSync(sampler, state, density, noise, t);
          if (t < 0.9 * steps) continue;
          for (let c = 0; c < chains; c++) {
            if (!Number.isFinite(energyChange[c])) continue;
            square[c] += energyChange[c] ** 2;
            counted[c]++;
          }
        }
        const final = median([...state.stepSize]);
        const energyError =
          rule === 'paper' ? Number.NaN : median([...square].map((s, c) => s / counted[c] / target.dim));
        return { rule, law, initial, final, drift: final / initial, energyError };
      }),
    ),
  );
}

export function tunerMarkdown(rows: readonly TunerRow[]): string {
  return [
    '| rule | noise | initial ε | final ε | final / initial | E[ΔE²]/d |',
    '|---|---|---|---|---|---|',
    ...rows.map(
      ({ rule, law, initial, final, drift, energyError }) =>
        `| ${rule} | ${law} | ${initial} | ${final.toPrecision(2)} | ${drift.toPrecision(2)} | ${Number.isNaN(energyError) ? '' : energyError.toExponential(1)} |`,
    ),
  ].join('\n');
}
