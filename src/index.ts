/** smile: Bayesian ensembles of networks by stochastic microcanonical Langevin dynamics. The public names. */
export { compile, type Device, inspectDevice } from './engine/session.ts';
export * from './everywhere.ts';
export { type QueueOptions, queueEngine } from './queue/coordinator.ts';
export { type WorkerOptions, work } from './queue/worker.ts';
export type { Calibration, ConformalMethod } from './run/conformal.ts';
export { type Evaluation, evaluate, type Scores } from './run/evaluate.ts';
export type { BlockProgress, ChainSummary, FitEvent } from './run/events.ts';
export { type FitOptions, fit } from './run/fit.ts';
export { readNetwork } from './run/network.ts';
export { type Plan, plan } from './run/plan.ts';
export type { Engine, EngineOptions } from './run/pool.ts';
export { type PredictedRow, type Predictions, type PredictOptions, predict } from './run/predict.ts';
export { type ResumeOptions, resume } from './run/resume.ts';
export { type FitConfig, type FitSpec, fitSchema, PAPER_PRESET, parseYamlConfig, resolveSpec } from './run/spec.ts';
export { type RunReport, status } from './run/status.ts';
export { fitEvents, resumeEvents } from './run/stream.ts';
export type { Verdict } from './run/trust.ts';
export { type Verification, verify } from './run/verify.ts';
