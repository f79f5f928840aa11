/** The methods that the analytic benchmark compares: a sampler with its settings and the step sizes to choose from. */
import type { SamplerName, SamplerOptions } from '../samplers/registry.ts';

export interface Method {
  readonly sampler: SamplerName;
  readonly options: SamplerOptions;
  /** Smallest and largest step size of the pilot grid; undefined where the method finds its own. */
  readonly grid?: readonly [number, number];
  /** Gradients that a step costs in the long run, to turn a budget into steps. */
  readonly gradientsPerStep: number;
  /** Whether gradients go through a control variate anchored at the start. */
  readonly controlVariate?: boolean;
}

/** The paper's preconditioner there: RMS(m) = 1 and a window of 100 gradients, learned all through the run. */
const PAPER_DIAGONAL = { statistic: 'noise', window: 100, shrinkage: 0, normalise: 'speed' } as const;

export const METHODS = {
  'smile-naive': { sampler: 'smile-naive', options: {}, grid: [1e-5, 0.1], gradientsPerStep: 2.02 },
  'psmile-naive': {
    sampler: 'psmile-naive',
    options: { diagonal: PAPER_DIAGONAL },
    grid: [1e-5, 0.1],
    gradientsPerStep: 2.02,
  },
  sgld: { sampler: 'sgld', options: {}, grid: [1e-6, 1e-2], gradientsPerStep: 1 },
  psgld: { sampler: 'psgld', options: {}, grid: [1e-6, 1e-2], gradientsPerStep: 1 },
  sghmc: { sampler: 'sghmc', options: { friction: 0.1 }, grid: [1e-7, 1e-2], gradientsPerStep: 1 },
  adasghmc: { sampler: 'adasghmc', options: {}, grid: [1e-4, 0.3], gradientsPerStep: 1 },
  'smile-bounded': {
    sampler: 'smile-naive',
    options: { biasBound: 0.1 },
    grid: [1e-5, 0.1],
    gradientsPerStep: 2.25,
  },
  'psmile-full': { sampler: 'psmile-full', options: {}, grid: [1e-4, 1], gradientsPerStep: 2.02 },
  'psmile-auto': { sampler: 'psmile-auto', options: {}, gradientsPerStep: 2.25 },
  'psmile-auto-cv': { sampler: 'psmile-auto', options: {}, gradientsPerStep: 4.5, controlVariate: true },
} satisfies Record<string, Method>;
export type MethodName = keyof typeof METHODS;
export const METHOD_NAMES = Object.keys(METHODS) as MethodName[];
