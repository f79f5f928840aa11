/** smile: Bayesian ensembles of networks by stochastic microcanonical Langevin dynamics. The public names. */

export type { Calibration, ConformalMethod } from './answers/conformal.ts';
export { type Evaluation, evaluate } from './answers/evaluate.ts';
export { type Predictions, type PredictOptions, predict } from './answers/predict.ts';
export type { PredictedRow } from './answers/predict-rows.ts';
export type { Scores } from './answers/scores.ts';
export type { Answer, Finding, Verdict } from './answers/verdict/types.ts';
export { type FitOptions, fit } from './control/fit.ts';
export { type Plan, plan } from './control/plan.ts';
export type { Engine, EngineOptions } from './control/pool.ts';
export { type ResumeOptions, resume } from './control/resume.ts';
export { type RunReport, status } from './control/status.ts';
export { fitEvents, resumeEvents } from './control/stream.ts';
export { type Verification, verify } from './control/verify.ts';
export { residence } from './engine/resident.ts';
export { compile, type Device, inspectDevice } from './engine/session.ts';
export * from './everywhere.ts';
export { type ResidentNetwork, type ResidentOptions, residentNetwork } from './models/resident.ts';
export { type QueueOptions, queueEngine } from './queue/coordinator.ts';
export { type WorkerOptions, work } from './queue/worker.ts';
export { residentSmile } from './samplers/smile.ts';
export { readNetwork } from './spec/network.ts';
export { PAPER_PRESET, PRESETS } from './spec/presets.ts';
export type { BlockProgress, ChainSummary, FitEvent } from './spec/records.ts';
export { type FitConfig, type FitSpec, fitSchema, parseYamlConfig, resolveSpec } from './spec/spec.ts';
