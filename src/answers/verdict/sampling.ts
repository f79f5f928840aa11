/** Has the sampling converged? Checks of the chains themselves: how they moved, and whether they have settled. */
import type { FunctionSpace } from '../../infer/function-space.ts';
import type { ChainSummary } from '../../spec/records.ts';
import type { FitSpec } from '../../spec/spec.ts';
import { DRIFTING, LARGE_ENERGY_ERROR } from '../ailments.ts';
import { describeRepair, type Repair } from '../repaired.ts';
import type { Check } from './types.ts';

export interface SamplingFacts {
  readonly spec: FitSpec;
  /** Root mean square of the parameters' prior standard deviations. */
  readonly priorDeviation: number;
  readonly chains: readonly ChainSummary[];
  /** Chains that were begun again before. */
  readonly repairs?: readonly Repair[];
  readonly convergence: FunctionSpace | undefined;
  /** Members of the warm start, and draws, that predict something that is not finite. */
  readonly nonFinite: { readonly start: number; readonly draws: number };
  /** The rule that ended the run. */
  readonly endedBy?: string | undefined;
}

/** More non-finite steps than this share make a chain suspect. */
const NON_FINITE_SHARE = 0.01;
/** The guard is set to a quantile; far more rejections than that mean that the step size is wrong. */
const RESET_SHARE = 0.1;
/** A Metropolis test is meant to reject; this share says that the step size is wrong there too. */
const METROPOLIS_SHARE = 0.6;
/** A chain whose draws stay closer together than this, per parameter of prior deviation one, has not moved. */
const FROZEN = 1e-4;
/** Pairs of batches below which the quantiles of measured temperatures are mostly chance. */
const NOISE_SAMPLES = 100;
const FEWEST_DRAWS = 50;
/** Effective temperature that a twentieth of the parameters may exceed. */
const HOT = 2;
/** A preconditioner that works leaves less than this part of the spread of temperatures. */
const UNCORRECTED = 0.9;

const which = (chains: readonly ChainSummary[], bad: (chain: ChainSummary) => boolean) =>
  chains.filter(bad).map(({ chain }) => chain);

/** One finding about the chains of that list, none for an empty one. */
const about = (list: readonly number[], what: string, cure?: string, turns = true) =>
  list.length === 0
    ? []
    : [{ turns, message: `chain${list.length > 1 ? 's' : ''} ${list.join(', ')}: ${what}`, ...(cure && { cure }) }];

const drawsOf = (chains: readonly ChainSummary[]) => chains.reduce((sum, { draws }) => sum + draws, 0);

export const SAMPLING: readonly Check<SamplingFacts>[] = [
  {
    name: 'repairs',
    find: ({ repairs = [] }) => repairs.map((repair) => ({ turns: false, message: describeRepair(repair) })),
  },
  {
    name: 'ended',
    find({ chains, endedBy }) {
      if (endedBy) return [{ turns: false, message: `ended by its rule: ${endedBy}` }];
      return about(
        which(chains, ({ status }) => status === 'stopped'),
        'stopped before the end',
        'smile resume goes on',
      );
    },
  },
  {
    name: 'non-finite steps',
    find: ({ chains }) =>
      about(
        which(chains, ({ sampling }) => sampling.nonFinite > NON_FINITE_SHARE * sampling.steps),
        `more than ${100 * NON_FINITE_SHARE} % of the steps met non-finite numbers`,
        'lower --step-size',
      ),
  },
  {
    name: 'rejected steps',
    find({ spec, chains }) {
      const share = spec.sampler.name === 'hmc' ? METROPOLIS_SHARE : RESET_SHARE;
      return about(
        which(chains, ({ sampling }) => sampling.resets > share * sampling.steps),
        `more than ${100 * share} % of the steps were rejected`,
        'lower --step-size',
      );
    },
  },
  {
    name: 'step size',
    find({ spec, chains }) {
      const stiff = which(chains, ({ sampling }) => (sampling.energyTail ?? 0) > LARGE_ENERGY_ERROR);
      const tuned = ['smile', 'psmile'].includes(spec.sampler.name);
      return about(
        stiff,
        `a tenth of the steps change the energy by more than ${LARGE_ENERGY_ERROR} √d`,
        tuned ? 'lower sampler.energyTarget, or raise --warmup' : 'lower --step-size',
        stiff.length > chains.length / 2,
      );
    },
  },
  {
    name: 'frozen',
    find: ({ chains, priorDeviation }) =>
      about(
        which(chains, ({ draws, travelled }) => draws > 1 && travelled < FROZEN * priorDeviation),
        'did not move: its draws are copies of the warm start',
        'raise --step-size or --steps',
      ),
  },
  {
    name: 'noise',
    find: ({ chains }) =>
      about(
        which(chains, (chain) => {
          const { noise } = chain;
          if (noise === undefined || noise.samples < NOISE_SAMPLES || !noiseMatters(chain)) return false;
          return noise.sampled[2] > HOT && spread(noise.sampled) > UNCORRECTED * spread(noise.plain);
        }),
        `gradient noise makes some parameters more than ${HOT} times too wide in variance, and nothing corrects it`,
        'use psmile',
      ),
  },
  {
    name: 'draws',
    find({ chains }) {
      const draws = drawsOf(chains);
      if (draws === 0) return [{ turns: true, message: 'no draws', cure: 'smile resume goes on' }];
      if (draws >= FEWEST_DRAWS) return [];
      return [{ turns: false, few: true, message: `only ${draws} draws`, cure: 'raise --steps or lower --thin' }];
    },
  },
  {
    name: 'non-finite members',
    find: ({ nonFinite: { start, draws } }) => [
      ...(start > 0 ? [{ turns: true, message: `${start} members of the warm start predict non-finite numbers` }] : []),
      ...(draws > 0 ? [{ turns: true, message: `${draws} draws predict non-finite numbers and were left out` }] : []),
    ],
  },
  {
    name: 'modes',
    find: ({ convergence }) =>
      about(convergence?.outliers ?? [], 'explains the validation rows far worse than the other chains'),
  },
  {
    name: 'drift',
    find({ chains, convergence }) {
      const drifting = (convergence?.chainRhat ?? []).filter((value) => value > DRIFTING).length;
      if (drifting <= chains.length / 2) return [];
      return [
        {
          turns: true,
          message: `${drifting} of ${chains.length} chains still drift (R-hat of the two halves above ${DRIFTING})`,
          cure: 'raise --warmup or --steps',
        },
      ];
    },
  },
];

/** How far above the median parameter the hottest twentieth is. */
const spread = ([, middle, high]: readonly [number, number, number]) => high / middle;

/** Whether the noise turns the velocity within the path of the chain; if not, its temperatures mean nothing. */
export const noiseMatters = ({ noise, stepSize, sampling }: ChainSummary): boolean =>
  noise !== undefined && noise.decoherence < stepSize * sampling.steps;
