import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/session.ts';
import * as g from '../../src/graph/index.ts';
import { type Op, single } from '../../src/graph/tensor.ts';
import { normals } from '../../src/math/random.ts';
import { likelihood } from '../../src/models/likelihood.ts';
import { unflatten } from '../../src/models/model.ts';
import { onnxModel } from '../../src/models/onnx/model.ts';
import { readOnnx } from '../../src/models/onnx/read.ts';
import { onnxBytes } from '../../src/models/onnx/starts.ts';
import { bayesianNetwork, initial, posteriorGraph } from '../../src/models/posterior.ts';

const FOLDER = join(import.meta.dirname, '../fixtures/onnx');
const beside = (file: string) => readFileSync(join(FOLDER, file));
const read = (name: string) => readOnnx(beside(name), name, beside);
const truth = (name: string) =>
  JSON.parse(beside(`${name}.json`).toString()) as { x: number[]; shape: number[]; y: number[] };

/** Outputs `[outputs, rows]` of the network with the parameters of its file. */
async function outputs(file: string, classes: number, rows: number, x: readonly number[]) {
  const network = read(file);
  const model = onnxModel(network, { parameters: 'all', classes });
  const theta = model.initial!([0, 0]);
  const flat = g.input('theta', [1, theta.length]);
  const input = g.input('x', [1, network.inputs, rows]);
  const y = model.forward(unflatten(flat, model.parameters), input);
  const graph = await compile({ inputs: { theta: flat, x: input }, outputs: { y } });
  const turned = Float32Array.from(
    { length: x.length },
    (_, i) => x[(i % rows) * network.inputs + Math.floor(i / rows)],
  );
  const results = await graph.run({ theta: Float32Array.from(theta), x: turned });
  await graph.release();
  return results.y;
}

describe('networks exported by PyTorch', () => {
  it.each(['mlp.onnx', 'mlp-dynamo.onnx'])('%s gives the outputs that PyTorch gave', async (file) => {
    const { x, shape, y } = truth('mlp');
    const got = await outputs(file, 0, shape[0], x);
    y.forEach((value, i) => {
      expect(Math.abs(got[i] - value)).toBeLessThan(1e-5);
    });
  });

  it.each(['cnn.onnx', 'cnn-dynamo.onnx'])('%s gives logits whose softmax PyTorch gave', async (file) => {
    const { x, shape, y } = truth('cnn');
    const rows = shape[0];
    const logits = await outputs(file, 3, rows, x);
    expect(read(file).ending).toMatchObject({ kind: 'softmax', operators: ['Softmax'] });
    for (let row = 0; row < rows; row++) {
      const each = [0, 1, 2].map((k) => Math.exp(logits[k * rows + row]));
      const sum = each.reduce((total, v) => total + v, 0);
      each.forEach((v, k) => {
        expect(Math.abs(v / sum - y[row * 3 + k])).toBeLessThan(1e-5);
      });
    }
  });

  it.each([
    ['mlp.onnx', 0, 'gaussian', 241, 9],
    ['mlp-dynamo.onnx', 0, 'gaussian', 241, 9],
    ['cnn.onnx', 3, 'softmax', 435, 99],
    ['cnn-dynamo.onnx', 3, 'softmax', 435, 99],
  ] as const)(
    '%s: parameters, all and of the last layer, with true gradients',
    async (file, classes, name, all, last) => {
      const network = read(file);
      for (const [choice, count] of [
        ['all', all],
        ['last', last],
      ] as const) {
        const chosen = likelihood(name, classes);
        const model = onnxModel(network, {
          parameters: choice,
          classes,
          ...(!classes && { target: { mean: 2, sd: 3 } }),
        });
        const bayesian = bayesianNetwork(model, chosen, network.inputs);
        expect(bayesian.dim - (classes ? 0 : 1)).toBe(count);
        const rows = 4;
        const graph = await compile(posteriorGraph(bayesian, 1, rows, { priorScale: 1, factor: 1 }));
        const theta = initial(bayesian, [0, 1]);
        const x = new Float32Array(network.inputs * rows);
        const noise = new Float64Array(x.length);
        normals([5, 5], noise);
        x.set(noise);
        const y = Float32Array.from({ length: chosen.targets * rows }, (_, i) =>
          classes ? Number(i % classes === 0) : i,
        );
        const value = async (at: Float64Array) => {
          const { logLikelihood } = await graph.run({ theta: at, x, y });
          return Array.from(logLikelihood).reduce((sum, v) => sum + v, 0) - 0.5 * at.reduce((sum, v) => sum + v * v, 0);
        };
        const { gradient } = await graph.run({ theta, x, y });
        const slope = Float64Array.from(gradient);
        // float32: a step large enough that rounding does not drown the difference.
        const direction = slope.map((v) => v / Math.hypot(...slope));
        const along = async (s: number) => value(theta.map((v, i) => v + s * direction[i]));
        const difference = ((await along(1e-2)) - (await along(-1e-2))) / 2e-2;
        expect(difference / Math.hypot(...slope)).toBeCloseTo(1, 2);
        await graph.release();
      }
    },
  );

  it('holds everything inside when written again', () => {
    const network = read('mlp-dynamo.onnx');
    const again = readOnnx(onnxBytes(network), 'again', () => {
      throw new Error('nothing outside');
    });
    expect(again.tensors.map(({ name, values }) => [name, [...Array.from(values)]])).toEqual(
      network.tensors.map(({ name, values }) => [name, [...Array.from(values)]]),
    );
  });
});

it('brings outputs in the units of the file to those of the standardised target', async () => {
  const x = g.input('x', [2, 3]);
  const weights = g.data(Float32Array.of(1, 0.1, 2, 0.2, 3, 0.3), [3, 2], 'float32');
  const bytes = g.encodeModel(g.buildOnnx({ x }, { y: g.matmul(x, weights) }));
  const network = readOnnx(bytes, 'net.onnx', beside);
  const model = onnxModel(network, { parameters: 'all', classes: 0, target: { mean: 10, sd: 4 } });
  const theta = g.input('theta', [1, 6]);
  const rows = g.input('rows', [1, 3, 2]);
  const y = model.forward(unflatten(theta, model.parameters), rows);
  const graph = await compile({ inputs: { theta, rows }, outputs: { y } });
  const feeds = { theta: Float32Array.from(model.initial!([0, 0])), rows: Float32Array.of(1, 2, 3, 4, 5, 6) };
  const got = (await graph.run(feeds)).y;
  // Rows (1, 3, 5) and (2, 4, 6): means 22 and 28, log deviations 2.2 and 2.8.
  const expected = [(22 - 10) / 4, (28 - 10) / 4, 2.2 - Math.log(4), 2.8 - Math.log(4)];
  expected.forEach((value, i) => {
    expect(got[i]).toBeCloseTo(value, 5);
  });
});

it('computes shapes that are cut to nothing, or turned, and joined, as exporters write them', async () => {
  const shaped: Op = {
    name: 'shaped',
    gradient: () => [],
    emit: (_node, [x], emitter) => {
      const slice = (of: string, ...bounds: number[]) =>
        emitter.node('Slice', [of, ...bounds.map((bound) => emitter.integers([bound]))])[0];
      const [shape] = emitter.node('Shape', [x]);
      const parts = [slice(shape, 0, 1), slice(emitter.integers([3, 1]), -1, -9, 0, -1), slice(shape, 2, 9)];
      return emitter.node('Reshape', [x, emitter.node('Concat', parts, { axis: 0 })[0]]);
    },
  };
  const x = g.input('x', [2, 3]);
  const y = g.matmul(single(shaped, [x], [2, 1, 3]), g.data(Float32Array.of(1, 10, 100), [3, 1], 'float32'));
  const bytes = g.encodeModel(g.buildOnnx({ x }, { y: g.reduceSum(y, [1]) }));
  const model = onnxModel(readOnnx(bytes, 'net.onnx', beside), { parameters: 'all', classes: 0 });
  const flat = g.input('theta', [1, 3]);
  const rows = g.input('rows', [1, 3, 2]);
  const outputs = { y: model.forward(unflatten(flat, model.parameters), rows) };
  const graph = await compile({ inputs: { theta: flat, rows }, outputs });
  const feeds = { theta: Float32Array.from(model.initial!([0, 0])), rows: Float32Array.of(1, 2, 3, 4, 5, 6) };
  // Rows (1, 3, 5) and (2, 4, 6).
  expect([...(await graph.run(feeds)).y]).toEqual([531, 642]);
  await graph.release();
});

describe('errors', () => {
  const small = (build: (x: g.Tensor) => g.Tensor, shape = [2, 3]) => {
    const x = g.input('x', shape);
    return g.buildOnnx({ x }, { y: build(x) });
  };
  const bytes = (model: g.OnnxModel) => g.encodeModel(model);
  const dense = () => small((x) => g.matmul(x, g.data(new Float32Array(300).fill(1), [3, 100], 'float32')));
  const none = () => {
    throw new Error('ENOENT: no such file');
  };

  it.each<[string, () => Uint8Array, string | RegExp]>([
    ['not ONNX', () => new TextEncoder().encode('a,b\n1,2\n'), 'net.onnx: expected an ONNX model, got 8 bytes'],
    ['empty', () => new Uint8Array(), 'expected an ONNX model, got 0 bytes'],
    ['truncated', () => bytes(dense()).slice(0, 700), 'expected an ONNX model, got 700 bytes'],
    [
      'opset',
      () => bytes({ ...dense(), opsetImport: [{ domain: '', version: 99 }] }),
      'expected opset 1 to 24, got 99',
    ],
    [
      'operators',
      () => {
        const model = small((x) => g.exp(g.tanh(x)));
        for (const [i, type] of ['Det', 'Loop'].entries()) model.graph.node[i].opType = type;
        return bytes(model);
      },
      /node 't0_0' \(Det\): no such operator here\n {2}node 't1_0' \(Loop\)/,
    ],
    [
      'dynamic shapes',
      () => {
        const model = dense();
        model.graph.input[0].type.tensorType!.shape!.dim[1] = { dimParam: 'width' };
        return bytes(model);
      },
      "input 'x': expected rows along the first axis and fixed lengths of the others, got [2, width]",
    ],
    [
      'half precision',
      () => {
        const model = dense();
        model.graph.initializer[0].dataType = 10;
        return bytes(model);
      },
      "tensor 'c0': expected float, double, int64, int32 or bool, got float16",
    ],
    [
      'external data',
      () => {
        const model = dense();
        Object.assign(model.graph.initializer[0], {
          rawData: undefined,
          dataLocation: 1,
          externalData: [{ key: 'location', value: 'net.bin' }],
        });
        return bytes(model);
      },
      'no such file',
    ],
    [
      'steps of zero',
      () => {
        const model = small((x) => g.strided(x, [0, 0], [2, 2]));
        const slice = model.graph.node.find(({ opType }) => opType === 'Slice')!;
        slice.input[4] = 'zero';
        const zero = new Uint8Array(8);
        model.graph.initializer.push({ name: 'zero', dims: [1], dataType: 7, rawData: zero });
        return bytes(model);
      },
      'its step is zero',
    ],
    [
      'damaged numbers',
      () => {
        const model = dense();
        model.graph.initializer[0].rawData = new Uint8Array(8);
        return bytes(model);
      },
      "tensor 'c0': expected 300 numbers, got 2",
    ],
  ])('%s', (_name, make, message) => {
    expect(() => readOnnx(make(), 'net.onnx', none)).toThrow(message);
  });

  it('takes scales of the data for constants of the network, unless they are named', () => {
    const x = g.input('x', [2, 3]);
    const [centre, weight, bias] = [[3], [3, 1], [1]].map((shape, k) =>
      g.data(new Float32Array(shape[0]).fill(k + 1), shape, 'float32'),
    );
    const y = g.add(g.matmul(g.tanh(g.sub(x, centre)), weight), bias);
    const network = readOnnx(g.encodeModel(g.buildOnnx({ x }, { y })), 'net.onnx', none);
    expect(network.tensors.map(({ shape, learned }) => [shape, learned])).toEqual([
      [[3], false],
      [[3, 1], true],
      [[1], true],
    ]);
    const names = network.tensors.map(({ name }) => name);
    expect(network.last).toEqual(names.slice(1));
    expect(onnxModel(network, { parameters: 'all', classes: 0 }).parameters.length).toBe(2);
    expect(onnxModel(network, { parameters: names, classes: 0 }).parameters.length).toBe(3);
  });

  it('names parameters and outputs that do not fit', () => {
    const network = read('mlp.onnx');
    expect(() => onnxModel(network, { parameters: ['0.weight', 'nine'], classes: 0 })).toThrow(
      'mlp.onnx: expected names of its tensors (0.weight, 0.bias, 2.weight',
    );
    expect(() => onnxModel(network, { parameters: 'all', classes: 3 })).toThrow(
      'mlp.onnx: expected 3 outputs for 3 classes, got 1.',
    );
  });
});
