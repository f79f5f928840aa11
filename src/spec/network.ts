/** The network of a run: a perceptron of the configuration's widths, or the ONNX file that the user brought. */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, sep, win32 } from 'node:path';
import { type Learned, ofTable } from '../data/learned.ts';
import type { Preprocessing } from '../data/table/preprocess.ts';
import { specError, storeError } from '../errors.ts';
import { type Likelihood, type LikelihoodName, likelihood, tokens } from '../models/likelihood.ts';
import { onnxModel } from '../models/onnx/model.ts';
import type { OnnxNetwork } from '../models/onnx/network.ts';
import { readOnnx } from '../models/onnx/read.ts';
import { withStarts } from '../models/onnx/starts.ts';
import { type BayesianNetwork, bayesianNetwork } from '../models/posterior.ts';
import { type DataShape, namedModel } from '../models/registry.ts';
import { readWhole, sha256 } from '../store/files.ts';
import { type Manifest, runPaths } from '../store/rundir.ts';
import type { FitSpec } from './spec.ts';

/**
 * Reads an ONNX file and what lies beside it. Throws a `ShapeError` for what cannot be used, naming it, and a `SpecError` for a file
 * that is not there, or numbers that are said to lie outside of its folder.
 */
export function readNetwork(path: string): OnnxNetwork {
  return readOnnx(readNamed(path), basename(path), (file) => readNamed(beside(path, file)));
}

/** The networks of a configuration, the further ones as starts. Throws what `readNetwork` throws, and where graphs differ. */
export function readNetworks({ model: { network, starts = [], priorAround } }: FitSpec): OnnxNetwork | undefined {
  if (network !== undefined) return withStarts(readNetwork(network), starts.map(readNetwork));
  const field = starts.length > 0 ? 'starts' : priorAround ? 'priorAround' : undefined;
  if (field === undefined) return undefined;
  throw specError(
    `model.${field}: expected a network in model.network (--model), got none. Give one, or leave it out.`,
  );
}

function readNamed(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw specError(`${file}: expected a file, got ${(cause as Error).message}. Check the path.`, { cause });
  }
}

/** The path of a file that a model refers to. A model from elsewhere must not have files read that are not its own. */
function beside(model: string, file: string): string {
  const outside = (got: string) =>
    specError(
      `${model}: expected its numbers in a file beside it, got '${file}', ${got}. ` +
        'Put the file beside the model, and write the model with its plain name.',
    );
  if (isAbsolute(file) || win32.isAbsolute(file) || file.split(/[\\/]/).includes('..')) {
    throw outside('a path out of its folder');
  }
  const path = join(dirname(model), file);
  if (!existsSync(path)) return path;
  const inside = relative(realpathSync(dirname(model)), realpathSync(path));
  if (isAbsolute(inside) || inside.split(sep)[0] === '..') throw outside('a link out of its folder');
  return path;
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

/** K for classes, 0 for a real target. */
export const classCount = ({ target }: Learned): number => ('classes' in target ? target.classes.length : 0);

/** Throws a `SpecError` where a brought network does not take the features that there are. */
export function checkNetwork({ source, inputs }: OnnxNetwork, { inputNames }: Preprocessing): void {
  if (inputs === inputNames.length) return;
  throw specError(
    `model.network: expected ${inputs} features, as ${source} takes, got ${inputNames.length} ` +
      `(${inputNames.join(', ')}). Leave columns out with --exclude, or give others.`,
  );
}

/** What the rows of encoded data look like to a network. */
function shapeOf(learned: Learned): DataShape {
  if (ofTable(learned)) return { kind: 'table', inputs: learned.inputNames.length };
  return learned.kind === 'image'
    ? { kind: 'image', size: learned.shape }
    : { kind: 'text', symbols: learned.vocabulary };
}

/**
 * The network of a configuration on preprocessed data; `brought` gives that of the user. Throws a `SpecError` where the network does not
 * take such data.
 */
export function networkOf(spec: FitSpec, preprocessing: Learned, brought: () => OnnxNetwork): BayesianNetwork {
  const { model } = spec;
  const shape = shapeOf(preprocessing);
  const classes = classCount(preprocessing);
  const chosen = likelihood(model.likelihood as LikelihoodName, Math.max(classes, 1));
  if (model.network) {
    if (ofTable(preprocessing)) return broughtNetwork(spec, preprocessing, chosen, brought());
    throw specError(
      `model.network: expected a table for an ONNX file, got ${preprocessing.kind === 'image' ? 'images' : 'a text'}. Name a network.`,
    );
  }
  const { model: built, inputs, places } = namedModel(model, shape, chosen.outputs);
  return bayesianNetwork(built, places > 1 ? tokens(classes, places) : chosen, inputs);
}

function broughtNetwork(
  { model: { parameters, outputs, priorAround: around } }: FitSpec,
  preprocessing: Preprocessing,
  chosen: Likelihood,
  network: OnnxNetwork,
): BayesianNetwork {
  const { target, inputNames } = preprocessing;
  const classes = classCount(preprocessing);
  checkNetwork(network, preprocessing);
  const fits = network.outputs === chosen.outputs && chosen.scale !== 'log';
  if (classes === 0 && network.outputs <= 2 && !fits) {
    throw specError(
      `model.likelihood: expected one for ${network.outputs} outputs in units of the target, as ${network.source} has, got ` +
        `${chosen.name}, which takes ${chosen.outputs}${chosen.scale === 'log' ? ' of its logarithm' : ''}. Leave it out.`,
    );
  }
  const scaled = 'classes' in target ? {} : { target };
  const model = onnxModel(network, { parameters, classes, outputs, around, ...scaled });
  return bayesianNetwork(model, chosen, inputNames.length);
}
