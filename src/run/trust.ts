/** Whether the run should be trusted, with reasons. A reason is a sentence for the user. */

import type { FunctionSpace } from '../infer/function-space.ts';
import { confidenceFaults, intervalFaults } from '../infer/miscalibration.ts';
import type { PointwiseScores } from './evaluate.ts';
import type { ChainSummary } from './events.ts';
import type { FitSpec } from './spec.ts';

export interface Verdict {
  readonly trusted: boolean;
  readonly reasons: readonly string[];
  /** What to know besides; nothing here turns the verdict. */
  readonly remarks: readonly string[];
}

/** More non-finite steps than this share make a chain suspect. */
const NON_FINITE_SHARE = 0.01;
/** The guard is set to a quantile; far more rejections than that mean that the step size is wrong. */
const RESET_SHARE = 0.1;
/** A Metropolis test is meant to reject; this share says that the step size is wrong there too. */
const METROPOLIS_SHARE = 0.6;
/** A chain whose draws stay closer together than this, per parameter of prior deviation one, has not moved. */
const FROZEN = 1e-4;
/**
 * Energy of a posterior fluctuates by √(d/2): a tenth of the steps must not err by more than this part of √d.
 */
const LARGE_ENERGY_ERROR = 0.1;
/** Pairs of batches below which the quantiles of measured temperatures are mostly chance. */
const NOISE_SAMPLES = 100;
const FEWEST_DRAWS = 50;
/** Effective temperature that a twentieth of the parameters may exceed. */
const HOT = 2;
/** A preconditioner that works leaves less than this part of the spread of temperatures. */
const UNCORRECTED = 0.9;
/** R-hat of a chain's two halves above which it has not settled; autocorrelated draws reach 1.4 by chance. */
const DRIFTING = 1.5;
/** Standard errors that a difference must exceed to be called one. */
const SIGNIFICANT = 3;
/** Smaller losses of LPPD, in nats per row, are not worth a warning. */
const RELEVANT = 0.02;

/** What a user can do about predictions that are too sure, or not sure enough. */
const MENDS = 'predict --recalibrate or --conformal mends it';

export function judge(input: {
  spec: FitSpec;
  /** Root mean square of the parameters' prior standard deviations. */
  priorDeviation: number;
  chains: readonly ChainSummary[];
  deep: PointwiseScores;
  bayes: PointwiseScores | undefined;
  convergence: FunctionSpace | undefined;
  /** The rule that ended the run. */
  endedBy?: string | undefined;
}): Verdict {
  const { spec, priorDeviation, chains, deep, bayes, convergence, endedBy } = input;
  const which = (bad: (chain: ChainSummary) => boolean) => chains.filter(bad).map(({ chain }) => chain);
  const reasons: string[] = [];
  const remarks: string[] = [];
  const say = (list: readonly number[], what: string, where = reasons) => {
    if (list.length > 0) where.push(`chain${list.length > 1 ? 's' : ''} ${list.join(', ')}: ${what}`);
  };
  const stopped = which(({ status }) => status === 'stopped');
  if (endedBy) remarks.push(`ended by its rule: ${endedBy}`);
  else say(stopped, 'stopped before the end');
  say(
    which(({ sampling }) => sampling.nonFinite > NON_FINITE_SHARE * sampling.steps),
    `more than ${100 * NON_FINITE_SHARE} % of the steps met non-finite numbers; lower --step-size`,
  );
  const rejectedShare = spec.sampler.name === 'hmc' ? METROPOLIS_SHARE : RESET_SHARE;
  say(
    which(({ sampling }) => sampling.resets > rejectedShare * sampling.steps),
    `more than ${100 * rejectedShare} % of the steps were rejected; lower --step-size`,
  );
  const stiff = which(({ sampling }) => (sampling.energyTail ?? 0) > LARGE_ENERGY_ERROR);
  const tuned = ['smile', 'psmile'].includes(spec.sampler.name);
  const mend = tuned ? 'lower sampler.energyTarget, or raise --warmup' : 'lower --step-size';
  say(
    stiff,
    `a tenth of the steps change the energy by more than ${LARGE_ENERGY_ERROR} √d; ${mend}`,
    stiff.length > chains.length / 2 ? reasons : remarks,
  );
  say(
    which(({ draws, travelled }) => draws > 1 && travelled < FROZEN * priorDeviation),
    'did not move: its draws are copies of the warm start; raise --step-size or --steps',
  );
  say(
    which((chain) => {
      const { noise } = chain;
      if (noise === undefined || noise.samples < NOISE_SAMPLES || !noiseMatters(chain)) return false;
      return noise.sampled[2] > HOT && spread(noise.sampled) > UNCORRECTED * spread(noise.plain);
    }),
    `gradient noise makes some parameters more than ${HOT} times too wide in variance, and nothing corrects it; use psmile`,
  );
  const draws = chains.reduce((sum, chain) => sum + chain.draws, 0);
  if (draws < FEWEST_DRAWS) reasons.push(`only ${draws} draws; raise --steps or lower --thin`);
  if (deep.nonFiniteMembers > 0)
    reasons.push(`${deep.nonFiniteMembers} members of the warm start predict non-finite numbers`);
  if (!bayes) return { trusted: false, reasons, remarks };
  if (bayes.members === 0) reasons.push('no draw predicts finite numbers: the sampler diverged; lower --step-size');
  else if (bayes.nonFiniteMembers > 0)
    reasons.push(`${bayes.nonFiniteMembers} draws predict non-finite numbers and were left out`);
  say(convergence?.outliers ?? [], 'explains the validation rows far worse than the other chains');
  const drifting = (convergence?.chainRhat ?? []).filter((value) => value > DRIFTING).length;
  if (drifting > chains.length / 2) {
    reasons.push(
      `${drifting} of ${chains.length} chains still drift (R-hat of the two halves above ${DRIFTING}); raise --warmup or --steps`,
    );
  }
  const { coverage = [], confidence = [], correct = [], rows } = bayes;
  const found =
    spec.model.likelihood === 'softmax' ? confidenceFaults(confidence, correct) : intervalFaults(coverage, rows);
  reasons.push(...found.overconfident.map((fault) => `on validation rows, ${fault}; ${MENDS}`));
  remarks.push(...found.underconfident.map((fault) => `on validation rows, ${fault}; ${MENDS}`));
  const { mean, error } = pairedDifference(bayes.pointwise, deep.pointwise);
  if (mean < -RELEVANT && mean + SIGNIFICANT * error < 0) {
    const numbers = `${mean.toFixed(3)} ± ${error.toFixed(3)} nats per validation row`;
    reasons.push(`the Bayesian ensemble predicts worse than the deep ensemble it started from (LPPD ${numbers})`);
  }
  return { trusted: reasons.length === 0, reasons, remarks };
}

/** How far above the median parameter the hottest twentieth is. */
const spread = ([, middle, high]: readonly [number, number, number]) => high / middle;

/** Whether the noise turns the velocity within the path of the chain; if not, its temperatures mean nothing. */
export const noiseMatters = ({ noise, stepSize, sampling }: ChainSummary): boolean =>
  noise !== undefined && noise.decoherence < stepSize * sampling.steps;

/** Mean of a−b and its standard error. */
function pairedDifference(a: Float64Array, b: Float64Array): { mean: number; error: number } {
  const n = a.length;
  const difference = a.map((value, i) => value - b[i]);
  const mean = difference.reduce((sum, v) => sum + v, 0) / n;
  const variance = difference.reduce((sum, v) => sum + (v - mean) ** 2, 0) / Math.max(1, n - 1);
  return { mean, error: Math.sqrt(variance / n) };
}
