import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/session.ts';
import { importGraph, unsupported } from '../../src/graph/onnx/import.ts';
import { decodeModel, decodeTensor } from '../../src/graph/onnx/schema.ts';
import { dtypeOf, numbersOf } from '../../src/graph/onnx/values.ts';
import { data, input, type Tensor } from '../../src/graph/tensor.ts';
import type { TensorData } from '../../src/types.ts';

/** The standard's own test data, from Debian's package libonnx-testdata. */
const ROOT = '/usr/share/libonnx-testdata/data';
const there = existsSync(ROOT);
if (!there) console.warn(`skipped: ${ROOT} is not there (Debian: apt-get install libonnx-testdata)`);

const nothing = (): never => {
  throw new Error('no external data in these tests');
};
const numbered = (folder: string, prefix: string) =>
  readdirSync(folder)
    .filter((name) => name.startsWith(prefix))
    .sort((a, b) => Number.parseInt(a.slice(prefix.length), 10) - Number.parseInt(b.slice(prefix.length), 10))
    .map((name) => decodeTensor(readFileSync(join(folder, name))));

/** Runs one test: throws what the import throws, or returns the largest error beyond 1e-5 + 1e-3·|expected|. */
async function worstError(folder: string): Promise<number> {
  const model = decodeModel(readFileSync(join(folder, 'model.onnx')));
  const sets = join(folder, 'test_data_set_0');
  const stored = new Set(model.graph.initializer.map(({ name }) => name));
  const open = model.graph.input.filter(({ name }) => !stored.has(name));
  const given = new Map<string, Tensor>();
  const inputs: Record<string, Tensor> = {};
  const feeds: Record<string, TensorData> = {};
  numbered(sets, 'input_').forEach((tensor, i) => {
    const { name } = open[i];
    const dtype = dtypeOf(`tensor '${name}'`, tensor.dataType);
    const values = numbersOf(`tensor '${name}'`, tensor, nothing);
    if (dtype !== 'float32') {
      given.set(name, data(values, tensor.dims, dtype));
      return;
    }
    inputs[`in${i}`] = input(`in${i}`, tensor.dims);
    given.set(name, inputs[`in${i}`]);
    feeds[`in${i}`] = Float32Array.from(values);
  });
  const outputs = importGraph(model, given, nothing);
  const compiled = await compile({ inputs, outputs: Object.fromEntries(outputs.map((y, i) => [`out${i}`, y])) });
  const got = await compiled.run(feeds);
  let worst = 0;
  numbered(sets, 'output_').forEach((tensor, i) => {
    expect(outputs[i].shape, folder).toEqual(tensor.dims);
    const expected = Array.from(numbersOf('output', tensor, nothing));
    expected.forEach((value, k) => {
      const x = Number(got[`out${i}`][k]);
      if (x === value || (Number.isNaN(x) && Number.isNaN(value))) return;
      const error = Math.abs(x - value) / (1e-5 + 1e-3 * Math.abs(value));
      worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error);
    });
  });
  await compiled.release();
  return worst;
}

describe.skipIf(!there)("the standard's backend tests", () => {
  it.each([
    ['node', 330],
    ['pytorch-operator', 25],
    ['pytorch-converted', 30],
  ])('%s: each is right, or refused by name', async (kind, least) => {
    const wrong: string[] = [];
    let right = 0;
    for (const name of readdirSync(join(ROOT, kind))) {
      const folder = join(ROOT, kind, name);
      const file = join(folder, 'model.onnx');
      if (!existsSync(file) || unsupported(decodeModel(readFileSync(file))).length > 0) continue;
      try {
        const error = await worstError(folder);
        if (error <= 1) right++;
        else wrong.push(`${name}: ${error} times the tolerance`);
      } catch (error) {
        const { message } = error as Error;
        if (!/^(node|tensor) '.*expected/.test(message)) wrong.push(`${name}: ${message}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(right).toBeGreaterThanOrEqual(least);
  });
});
