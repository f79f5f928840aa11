/** Files that a model refers to: read from beside it, and from nowhere else. */
import { mkdirSync, mkdtempSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../src/graph/index.ts';
import { readNetwork } from '../../src/spec/network.ts';
import { onnxModelFile } from '../models/onnx-file.ts';

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'smile-external-')));
mkdirSync(join(folder, 'model', 'parts'), { recursive: true });
const numbers = new Uint8Array(Float32Array.of(1, 2, 3).buffer);
for (const place of ['secret.bin', 'model/net.bin', 'model/parts/net.bin']) writeFileSync(join(folder, place), numbers);
symlinkSync(join(folder, 'secret.bin'), join(folder, 'model', 'link.bin'));
symlinkSync(folder, join(folder, 'model', 'up'));
symlinkSync(join(folder, 'model', 'net.bin'), join(folder, 'model', 'inside.bin'));

/** A network whose weights are said to lie in `location`. */
function network(location: string): string {
  const model = onnxModelFile({
    row: [3],
    nodes: [['MatMul', ['x', 'w'], ['y']]],
    tensors: { w: { dims: [3, 1], values: [0, 0, 0] } },
  });
  const { name, dims, dataType } = model.graph.initializer[0];
  const externalData = [{ key: 'location', value: location }];
  model.graph.initializer[0] = { name, dims, dataType, dataLocation: 1, externalData };
  const path = join(folder, 'model', 'net.onnx');
  writeFileSync(path, encodeModel(model));
  return path;
}

describe('numbers in a second file', () => {
  it.each(['net.bin', 'parts/net.bin', './net.bin', 'inside.bin'])('are read from %s', (location) => {
    expect([...Array.from(readNetwork(network(location)).tensors[0].values)]).toEqual([1, 2, 3]);
  });

  it.each([
    ['../secret.bin', 'a path out of its folder'],
    ['parts/../../secret.bin', 'a path out of its folder'],
    ['..\\secret.bin', 'a path out of its folder'],
    [join(folder, 'secret.bin'), 'a path out of its folder'],
    ['C:\\secret.bin', 'a path out of its folder'],
    ['link.bin', 'a link out of its folder'],
    ['up/secret.bin', 'a link out of its folder'],
  ])('are not read from %s', (location, reason) => {
    const reading = () => readNetwork(network(location));
    expect(reading).toThrow(`net.onnx: expected its numbers in a file beside it, got '${location}', ${reason}`);
  });

  it('that is not there are an error', () => {
    expect(() => readNetwork(network('absent.bin'))).toThrow('absent.bin: expected a file');
  });
});
