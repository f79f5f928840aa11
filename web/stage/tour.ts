/** The guided tour: six settings, what to see in each, and the claim that the page's own numbers must bear out. */
import { DEFAULTS, type Settings } from './settings.ts';
import type { Readout } from './simulation.ts';

export interface TourStep {
  readonly title: string;
  readonly text: string;
  readonly settings: Settings;
  /** Gradients after which the claim is judged. */
  readonly gradients: number;
  /** The claim in numbers so far, and whether it holds. */
  claim(left: Readout, right: Readout): { readonly says: string; readonly holds: boolean };
}

const { left, right, noise } = DEFAULTS;
const refreshed = 2;
/** How far from 1 a temperature may be in a claim of none. */
const CLOSE = 0.1;

const ratio = ({ temperatures: [a, b] }: Readout) => Math.max(a, b) / Math.min(a, b);
const worst = ({ temperatures }: Readout) => Math.max(...temperatures.map((t) => Math.abs(t - 1)));
const two = ({ temperatures }: Readout) => temperatures.map((t) => t.toFixed(2)).join(' and ');

export const TOUR: readonly TourStep[] = [
  {
    title: 'No noise',
    text: 'Chains of constant speed roam a round Gaussian with full gradients. The histograms fill the outlines, and the variance in every direction is the true one: temperature 1.',
    settings: {
      ...DEFAULTS,
      noise: { ...noise, major: 0, minor: 0 },
      left: { ...left, decoherence: refreshed },
      right: { ...right, decoherence: refreshed },
    },
    gradients: 6000,
    claim: (a, b) => ({
      says: `temperatures ${two(a)} on the left, ${two(b)} on the right`,
      holds: worst(a) < CLOSE && worst(b) < CLOSE,
    }),
  },
  {
    title: 'Isotropic noise',
    text: 'Now every gradient carries noise far stronger than itself, the same in all directions. The paths turn ragged, yet the posterior stays as it was: noise that has no direction only turns the velocity, as a refreshment would.',
    settings: { ...DEFAULTS, noise: { ...noise, minor: noise.major } },
    gradients: 6000,
    claim: (a, b) => ({
      says: `temperatures ${two(a)} on the left, ${two(b)} on the right`,
      holds: worst(a) < CLOSE && worst(b) < CLOSE,
    }),
  },
  {
    title: 'Anisotropic noise',
    text: 'Squeeze the ellipse: three times less noise upwards than sideways. On the left the posterior bends before your eyes, too wide along the noise and too narrow across. A smaller step size would not help: the ratio does not depend on it.',
    settings: { ...DEFAULTS, right: { ...left, stepSize: 0.03 } },
    gradients: 8000,
    claim: (a, b) => ({
      says: `temperature ratio ${ratio(a).toFixed(2)}, and ${ratio(b).toFixed(2)} with a third of the step size`,
      holds: ratio(a) > 1.5 && ratio(b) > 1.5,
    }),
  },
  {
    title: 'Preconditioning',
    text: 'The right side learns the size of the noise in each coordinate and walks in coordinates where it is the same in all. There the noise is isotropic again, and the posterior straightens.',
    settings: DEFAULTS,
    gradients: 8000,
    claim: (a, b) => ({
      says: `temperature ratio ${ratio(a).toFixed(2)} without, ${ratio(b).toFixed(2)} with preconditioning`,
      holds: ratio(a) > 1.5 && Math.abs(ratio(b) - 1) < CLOSE,
    }),
  },
  {
    title: 'Outlying batches and the tuner',
    text: 'Heavy-tailed noise: now and then a batch is an outlier. The published rule for the step size (left, mode paper) compares energies of two different batches and shrinks the step towards nothing; a set point on the energy of one batch (right) keeps it where the dynamics is sound.',
    settings: {
      ...DEFAULTS,
      noise: { ...noise, law: 'student-t' },
      left: { ...left, sampler: 'psmile', mode: 'paper' },
      right: { ...right, sampler: 'psmile' },
    },
    gradients: 8000,
    claim: (a, b) => ({
      says: `step size from ${left.stepSize} to ${a.stepSize.toPrecision(2)} on the left, ${b.stepSize.toPrecision(2)} on the right`,
      holds: a.stepSize < left.stepSize / 4 && b.stepSize > left.stepSize / 4 && b.stepSize < left.stepSize * 10,
    }),
  },
  {
    title: 'Finite L, the other cure',
    text: 'No preconditioner on either side, but the right one refreshes its velocity: isotropic noise of our own making, strong enough to drown the uneven noise of the batches. The price is slower motion.',
    settings: { ...DEFAULTS, right: { ...left, decoherence: 0.1 } },
    gradients: 8000,
    claim: (a, b) => ({
      says: `temperature ratio ${ratio(a).toFixed(2)} without, ${ratio(b).toFixed(2)} with refreshment`,
      holds: ratio(a) > 1.5 && ratio(b) < 1.25,
    }),
  },
];
