/** Data of any kind as the rows of three splits. */

import { prepareImages } from '../data/image/prepare.ts';
import { type ImageFormat, recognise } from '../data/kinds.ts';
import { prepareText } from '../data/text/prepare.ts';
import { readText } from '../data/text/read.ts';
import { specError } from '../errors.ts';
import type { OnnxNetwork } from '../models/onnx/network.ts';
import { contextOf } from '../models/registry.ts';
import type { FitSpec } from '../spec/spec.ts';
import { sha256 } from '../store/files.ts';
import { prepareTable } from './prepare-table.ts';
import type { DataSources, PreparedData } from './prepared.ts';

/** Recognises, reads and splits data. Throws a `DataError` or `SpecError` for what a user can mend. */
export async function prepareData(
  sources: DataSources,
  spec: FitSpec,
  brought: OnnxNetwork | undefined,
): Promise<PreparedData> {
  const { data } = sources;
  if (typeof data !== 'string') return prepareTable(sources, spec, brought);
  const found = await recognise(data, spec.data.kind);
  if (found.kind === 'table') return prepareTable(sources, spec, brought);
  const decided = withLikelihood(spec);
  const prepared =
    found.kind === 'image'
      ? await imagesOf(found.format, data, sources, decided)
      : await textOf(data, sources, decided);
  return { ...prepared, notes: [`${data}: ${found.about}`, ...prepared.notes], spec: decided, source: data };
}

type Read = Pick<PreparedData, 'preprocessing' | 'data' | 'notes' | 'dataHash'>;

async function imagesOf(
  format: ImageFormat,
  path: string,
  sources: DataSources,
  { data, seed }: FitSpec,
): Promise<Read> {
  const options = { maxUnpacked: sources.maxUnpacked, size: data.size };
  const read = async (own: string | undefined) => {
    if (own === undefined) return undefined;
    const found = await recognise(own, 'image');
    return found.kind === 'image' ? found.format.read(own, options, own === path ? 'test' : 'all') : undefined;
  };
  const { valid, test } = ownFiles(sources, data);
  const train = await format.read(path, options);
  const files = { train, valid: await read(valid), test: await read(test) };
  const prepared = prepareImages(files, { seed, valid: data.valid, test: data.test, pixels: data.pixels });
  const official = test === undefined ? format.test(path) : undefined;
  const offered = official === undefined ? [] : [`official test images lie beside them: --test ${official}`];
  return { ...prepared, notes: [...prepared.notes, ...offered], dataHash: sha256(train.pixels) };
}

async function textOf(path: string, sources: DataSources, { data, model }: FitSpec): Promise<Read> {
  const options = { tokens: data.tokens, maxUnpacked: sources.maxUnpacked };
  const { valid, test } = ownFiles(sources, data);
  const train = await readText(path, options);
  const read = (own: string | undefined) => (own === undefined ? undefined : readText(own, options, train.code));
  const files = { train, valid: await read(valid), test: await read(test) };
  const prepared = prepareText(files, { valid: data.valid, test: data.test, length: contextOf(model) });
  const { buffer, byteOffset, byteLength } = train.tokens;
  return { ...prepared, dataHash: sha256(new Uint8Array(buffer, byteOffset, byteLength)) };
}

/** Files of validation and test rows. */
function ownFiles(sources: DataSources, data: FitSpec['data']) {
  const pathOf = (name: 'valid' | 'test') => {
    const own = sources[name] ?? data[`${name}File`];
    if (own === undefined || typeof own === 'string') return own;
    throw specError(`${name}: expected a path, since the data are no table, got ${own.length} rows. Give a file.`);
  };
  return { valid: pathOf('valid'), test: pathOf('test') };
}

/** Images and tokens are classes. Throws a `SpecError` for a likelihood of numbers. */
function withLikelihood(spec: FitSpec): FitSpec {
  const { likelihood } = spec.model;
  if (likelihood !== 'auto' && likelihood !== 'usual' && likelihood !== 'softmax')
    throw specError(`model.likelihood: expected softmax for classes, got ${likelihood}. Leave it out.`);
  return { ...spec, model: { ...spec.model, likelihood: 'softmax' } };
}
