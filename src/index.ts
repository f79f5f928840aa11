/** smile: Bayesian ensembles of networks by stochastic microcanonical Langevin dynamics. The public names. */
export { demoCsv, demoTruth } from './data/demo.ts';
export { type ErrorTag, SmileError } from './errors.ts';
export { diagnose, essBulk, essMean, essTail, mcseMean, splitRhat } from './infer/diagnostics.ts';
export { fold, rootKey } from './math/threefry.ts';
export { type Evaluation, evaluate, type Scores } from './run/evaluate.ts';
export type { BlockProgress, ChainSummary, FitEvent } from './run/events.ts';
export { type FitOptions, fit } from './run/fit.ts';
export { type PredictedRow, type Predictions, type PredictOptions, predict } from './run/predict.ts';
export { type FitConfig, type FitSpec, fitSchema, PAPER_PRESET, parseYamlConfig, resolveSpec } from './run/spec.ts';
export type { Verdict } from './run/trust.ts';
export { stepAsync, stepSync } from './samplers/drive.ts';
export { SAMPLERS } from './samplers/registry.ts';
export type { Info, Key, LogDensity, Sampler, State, Step } from './types.ts';
