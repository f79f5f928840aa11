/** The network of a run: a perceptron of the configuration's widths, or the ONNX file that the user brought. */
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Preprocessing } from '../data/preprocess.ts';
import { specError, storeError } from '../errors.ts';
import { type LikelihoodName, likelihood } from '../models/likelihood.ts';
import { mlp } from '../models/mlp.ts';
import { type OnnxNetwork, onnxModel, readOnnx } from '../models/onnx.ts';
import { type BayesianNetwork, bayesianNetwork } from '../models/posterior.ts';
import { readWhole, sha256 } from '../store/files.ts';
import { type Manifest, runPaths } from '../store/rundir.ts';
import type { FitSpec } from './spec.ts';

/** Reads an ONNX file and what lies beside it. Throws a `ShapeError` for what cannot be used, naming it. */
export function readNetwork(path: string): OnnxNetwork {
  const read = (file: string) => {
    try {
      return readFileSync(file);
    } catch (cause) {
      throw specError(`${file}: expected a file, got ${(cause as Error).message}. Check the path.`, { cause });
    }
  };
  return readOnnx(read(path), basename(path), (file) => read(join(dirname(path), file)));
}

/** The network that lies in a run directory. Throws a `StoreError` where it is not the one the run began with. */
export function storedNetwork(dir: string, { networkHash }: Manifest, { model }: FitSpec): OnnxNetwork {
  const path = runPaths(dir).network;
  const bytes = readWhole(path);
  if (sha256(bytes) !== networkHash) {
    throw storeError(`${path}: expected the network that the run began with, got other bytes. Restore it.`);
  }
  return readOnnx(bytes, basename(model.network!), (file) => {
    throw storeError(`expected all numbers in the stored file, got a reference to ${file}. Fit anew.`);
  });
}

/** The network of a configuration on preprocessed data; `brought` gives that of the user. */
export function networkOf(
  { model }: FitSpec,
  { target, inputNames }: Preprocessing,
  brought: () => OnnxNetwork,
): BayesianNetwork {
  const classes = 'classes' in target ? target.classes.length : 0;
  const chosen = likelihood(model.likelihood as LikelihoodName, Math.max(classes, 1));
  const inputs = inputNames.length;
  const { hidden, activation, parameters } = model;
  if (!model.network) {
    return bayesianNetwork(mlp({ inputs, hidden, outputs: chosen.outputs, activation }), chosen, inputs);
  }
  const network = brought();
  if (network.inputs !== inputs) {
    throw specError(
      `model.network: expected ${network.inputs} features, as ${network.source} takes, got ${inputs} ` +
        `(${inputNames.join(', ')}). Leave columns out with --exclude, or give others.`,
    );
  }
  const fits = network.outputs === chosen.outputs && chosen.scale !== 'log';
  if (classes === 0 && network.outputs <= 2 && !fits) {
    throw specError(
      `model.likelihood: expected one for ${network.outputs} outputs in units of the target, as ${network.source} has, got ` +
        `${chosen.name}, which takes ${chosen.outputs}${chosen.scale === 'log' ? ' of its logarithm' : ''}. Leave it out.`,
    );
  }
  const scaled = 'classes' in target ? {} : { target };
  return bayesianNetwork(onnxModel(network, { parameters, classes, ...scaled }), chosen, inputs);
}
