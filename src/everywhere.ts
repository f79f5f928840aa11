/** The public names that Node and browsers share: nothing below them needs either. */
export { demoCsv, demoTruth } from './data/demo.ts';
export type { CompileOptions } from './engine/compiled.ts';
export type { DeviceReport } from './engine/devices.ts';
export { type ErrorTag, SmileError } from './errors.ts';
export * as graph from './graph/index.ts';
export { adaptiveCalibrationError, reliability } from './infer/calibration.ts';
export * as conformal from './infer/conformal.ts';
export { mixtureCrps } from './infer/crps.ts';
export {
  autocorrelation,
  diagnose,
  essBulk,
  essMean,
  essTail,
  mcseMean,
  nestedRhat,
  rhat,
  splitRhat,
} from './infer/diagnostics.ts';
export { type EnergyDistribution, energyDistribution } from './infer/energy.ts';
export { type Agreement, agreement, functionSpace } from './infer/function-space.ts';
export { confidenceFaults, intervalFaults } from './infer/miscalibration.ts';
export { aurc, auroc, strangerAuroc } from './infer/rejection.ts';
export { fold, rootKey } from './math/threefry.ts';
export { type Fans, fans } from './models/fans.ts';
export { type GptOptions, gpt } from './models/gpt.ts';
export { type ImageOptions, lenet } from './models/lenet.ts';
export { type Likelihood, likelihood, tokens } from './models/likelihood.ts';
export { type MlpOptions, mlp } from './models/mlp.ts';
export { eachChain, type Model, type Parameter, type Role } from './models/model.ts';
export { type OnnxModelOptions, onnxModel } from './models/onnx/model.ts';
export type { OnnxNetwork } from './models/onnx/network.ts';
export { readOnnx } from './models/onnx/read.ts';
export {
  type BayesianNetwork,
  bayesianNetwork,
  initial,
  type NetworkBatch,
  networkLogDensity,
  posteriorGraph,
  type Scaling,
  separateGraph,
  separateLogDensity,
} from './models/posterior.ts';
export { isotropic, type Prior } from './models/prior.ts';
export { PRIOR_NAMES, type PriorChoice, prior } from './models/prior-families.ts';
export { type ResnetOptions, resnet, resnet7 } from './models/resnet.ts';
export { type VitOptions, vit } from './models/vit.ts';
export { type Anchor, controlVariate } from './samplers/control-variate.ts';
export { uncontrolled } from './samplers/controller.ts';
export { stepAsync, stepSync } from './samplers/drive.ts';
export { decoherenceForBias, effectiveTemperatures, noiseDecoherence } from './samplers/noise-theory.ts';
export { type PositionScale, positionScaled } from './samplers/position-noise.ts';
export { identity, type Preconditioner } from './samplers/preconditioner.ts';
export { SAMPLERS, type SamplerName, type SamplerOptions } from './samplers/registry.ts';
export { type SoundParts, soundMicrocanonical } from './samplers/sound.ts';
export { funnel } from './targets/funnel.ts';
export { gaussian, icg, standardNormal } from './targets/gaussian.ts';
export { logisticRegression } from './targets/logistic.ts';
export { gaussianGrid } from './targets/mixture.ts';
export { injectedForce, type NoiseLaw, type NoiseStructure, noisy } from './targets/noise.ts';
export { rosenbrock } from './targets/rosenbrock.ts';
export { squaredBias, type Target } from './targets/target.ts';
export type { CompiledGraph, Info, Key, LogDensity, Sampler, State, Step } from './types.ts';
