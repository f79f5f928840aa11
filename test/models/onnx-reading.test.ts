/** How ONNX graphs are read: siblings of the networks in `onnx-cases`, written node by node. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { tableRows } from '../../src/data/table/rows.ts';
import { compile } from '../../src/engine/session.ts';
import { encodeModel } from '../../src/graph/index.ts';
import { likelihood } from '../../src/models/likelihood.ts';
import { onnxModel, writtenOutputs } from '../../src/models/onnx/model.ts';
import { readOnnx } from '../../src/models/onnx/read.ts';
import { onnxBytes } from '../../src/models/onnx/starts.ts';
import { bayesianNetwork, initial, predictionGraph } from '../../src/models/posterior.ts';
import { settleOutputs } from '../../src/spec/network-outputs.ts';
import { checkRows, tryNetwork } from '../../src/spec/network-trial.ts';
import { type Description, onnxFile, onnxModelFile, type Stored, spread, type Written } from './onnx-file.ts';

const none = () => {
  throw new Error('nothing outside');
};
const read = (description: Description) => readOnnx(onnxFile(description), 'net.onnx', none);
const dense = (inputs: number, outputs: number, seed = 1): Stored => ({
  dims: [inputs, outputs],
  values: spread(inputs * outputs, seed),
});
const vector = (...values: number[]): Stored => ({ dims: [values.length], values });
/** A layer of three inputs, and what follows it; `z` are its products and biases. */
const layer = (outputs: number, nodes: readonly Written[], tensors: Record<string, Stored> = {}): Description => ({
  row: [3],
  nodes: [['Gemm', ['x', 'w', 'b'], ['z']], ...nodes],
  tensors: { w: dense(3, outputs), b: vector(...spread(outputs, 2)), ...tensors },
});

const rows = 40;
const source = (classes: number) =>
  tableRows({
    x: Float32Array.from(spread(rows * 3, 5), (v) => 2 * v),
    y: Float64Array.from({ length: rows }, (_, i) => i % classes),
    inputs: 3,
    targets: classes,
  });

async function runtime(file: Uint8Array, x: Float32Array, shape: readonly number[]): Promise<number[]> {
  const session = await InferenceSession.create(file);
  const out = await session.run({ x: new Tensor('float32', x, shape) });
  return Array.from(out[session.outputNames[0]].data as Float32Array);
}

/** Probabilities `[rows × K]` of the start of a chain. */
async function probabilities(description: Description, classes: number) {
  const network = read(description);
  const train = source(classes);
  const settled = await settleOutputs(network, 'auto', train, classes);
  const model = onnxModel(network, { parameters: 'all', classes, outputs: settled.outputs });
  const bayesian = bayesianNetwork(model, likelihood('softmax', classes), 3);
  const graph = await compile(predictionGraph(bayesian, 1, rows));
  const x = train.x.map((_, i) => train.x[(i % rows) * 3 + Math.floor(i / rows)]);
  const { logProbability } = await graph.run({ theta: initial(bayesian, [0, 0]), x });
  await graph.release();
  const found = Array.from({ length: rows * classes }, (_, i) =>
    Math.exp(logProbability[(i % classes) * rows + Math.floor(i / classes)]),
  );
  return { found, written: await runtime(onnxFile(description), train.x, [rows, 3]), ...settled };
}

const expectNear = (found: readonly number[], expected: readonly number[], within = 1e-5) => {
  expect(found.length).toBe(expected.length);
  found.forEach((v, i) => {
    expect(Math.abs(v - expected[i])).toBeLessThan(within * Math.max(1, Math.abs(expected[i])));
  });
};

describe('probabilities', () => {
  const one: Stored = { dims: [], values: [1] };

  it.each<[string, Description, number, string]>([
    [
      'a softmax under Identity, Reshape and Cast',
      layer(
        3,
        [
          ['Softmax', ['z'], ['p'], { axis: -1 }],
          ['Identity', ['p'], ['i']],
          ['Reshape', ['i', 'lengths'], ['r']],
          ['Cast', ['r'], ['y'], { to: 1 }],
        ],
        { lengths: { dims: [2], values: [-1, 3], type: 'int64' } },
      ),
      3,
      'left off',
    ],
    [
      'a softmax written as quotient of exponentials',
      layer(
        3,
        [
          ['Exp', ['z'], ['e']],
          ['ReduceSum', ['e', 'axes'], ['s'], { keepdims: 1 }],
          ['Div', ['e', 's'], ['y']],
        ],
        { axes: { dims: [1], values: [1], type: 'int64' } },
      ),
      3,
      'lie in [0, 1] and sum to 1',
    ],
    [
      'the complement after the probability',
      layer(
        1,
        [
          ['Sigmoid', ['z'], ['p']],
          ['Sub', ['one', 'p'], ['q']],
          ['Concat', ['p', 'q'], ['y'], { axis: 1 }],
        ],
        { one },
      ),
      2,
      'left off',
    ],
    [
      'two sigmoids that are complements',
      layer(1, [
        ['Neg', ['z'], ['n']],
        ['Sigmoid', ['z'], ['p']],
        ['Sigmoid', ['n'], ['q']],
        ['Concat', ['q', 'p'], ['y'], { axis: 1 }],
      ]),
      2,
      'lie in [0, 1] and sum to 1',
    ],
  ])('of %s are those of the file', async (_what, description, classes, said) => {
    const { found, written, outputs, note } = await probabilities(description, classes);
    expect(outputs).toBe('probabilities');
    expect(note).toContain(said);
    expectNear(found, written);
  });

  it('of one class alone are told from logits by what explains the classes', async () => {
    const half = layer(
      2,
      [
        ['Softmax', ['z'], ['s'], { axis: 1 }],
        ['Gather', ['s', 'second'], ['y'], { axis: 1 }],
      ],
      {
        second: { dims: [1], values: [1], type: 'int64' },
        w: { dims: [3, 2], values: [0, 0, 0, 0, 0, 0] },
        b: vector(0, -3),
      },
    );
    const network = read(half);
    const rare = { ...source(2), y: new Float64Array(rows).fill(0).fill(1, 0, 2) };
    const { outputs, note } = await settleOutputs(network, 'auto', rare, 2);
    expect([outputs, note]).toEqual([
      'probabilities',
      expect.stringContaining('better as probabilities than as logits'),
    ]);
    const often = { ...source(2), y: new Float64Array(rows).fill(1).fill(0, 0, 18) };
    expect((await settleOutputs(network, 'auto', often, 2)).outputs).toBe('logits');
    expect((await settleOutputs(network, 'logits', rare, 2)).outputs).toBe('logits');
  });

  it('in logarithms are logits', async () => {
    const log = layer(3, [
      ['Softmax', ['z'], ['p'], { axis: 1 }],
      ['Log', ['p'], ['y']],
    ]);
    const { found, written, outputs } = await probabilities(log, 3);
    expect(outputs).toBe('probabilities');
    expectNear(found, written.map(Math.exp));
    const own = layer(
      3,
      [
        ['ReduceLogSumExp', ['z', 'axes'], ['s'], { keepdims: 1 }],
        ['Sub', ['z', 's'], ['y']],
      ],
      { axes: { dims: [1], values: [1], type: 'int64' } },
    );
    const second = await probabilities(own, 3);
    expect([second.outputs, second.note]).toEqual(['logits', expect.stringContaining('logarithms of probabilities')]);
    expectNear(second.found, second.written.map(Math.exp));
  });

  it('that are none stay logits: without a word, with a softmax over the rows, or with a hard clip of logits', async () => {
    const plain = await probabilities(layer(3, [['Identity', ['z'], ['y']]]), 3);
    expect([plain.outputs, plain.note]).toEqual(['logits', undefined]);
    const overRows = read(layer(3, [['Softmax', ['z'], ['y'], { axis: 0 }]]));
    expect(overRows.ending.kind).toBe('none');
    const clipped = read(
      layer(1, [['Clip', ['z', 'low', 'high'], ['y']]], { low: { dims: [], values: [0] }, high: one }),
    );
    expect(clipped.ending.kind).toBe('none');
    const narrow = layer(
      3,
      [
        ['Softmax', ['z'], ['p'], { axis: 1 }],
        ['Clip', ['p', 'low', 'high'], ['y']],
      ],
      {
        low: { dims: [], values: [0.2] },
        high: one,
      },
    );
    expect(read(narrow).ending.kind).toBe('none');
  });

  it('of each class by itself are refused, with where to cut', async () => {
    const network = read(layer(3, [['Sigmoid', ['z'], ['y']]], { b: vector(-3, -3, -3) }));
    const train = source(3);
    await expect(settleOutputs(network, 'auto', train, 3)).rejects.toThrow(
      /net.onnx: expected logits, or probabilities that sum to 1, got 3 outputs .* Cut the network before Sigmoid, at 'z'/,
    );
    expect((await settleOutputs(network, 'logits', train, 3)).outputs).toBe('logits');
  });
});

describe('what is learned', () => {
  const standings = (description: Description) =>
    Object.fromEntries(read(description).tensors.map(({ name, reason, role }) => [name, reason || role]));
  const ONE = 'one number, and no bias of a layer';

  it('biases of products without their own, scales and shifts between layers, not those after the last', () => {
    const found = standings({
      row: [3],
      nodes: [
        ['MatMul', ['x', 'w'], ['a']],
        ['Add', ['a', 'bias'], ['b']],
        ['Mul', ['b', 'gamma'], ['c']],
        ['Add', ['c', 'beta'], ['d']],
        ['Mul', ['d', 'same'], ['e']],
        ['Mul', ['e', 'half'], ['f']],
        ['Relu', ['f'], ['g']],
        ['MatMul', ['g', 'v'], ['h']],
        ['Reshape', ['h', 'lengths'], ['i']],
        ['Add', ['i', 'shift'], ['j']],
        ['Mul', ['j', 'sd'], ['k']],
        ['Add', ['k', 'mean'], ['y']],
      ],
      tensors: {
        w: dense(3, 4),
        bias: vector(1, 2, 3, 4),
        gamma: vector(1, 1.5, 2, 1),
        beta: vector(0, 1, 2, 1),
        same: vector(2, 2, 2, 2),
        half: vector(0.5),
        v: dense(4, 2),
        lengths: { dims: [2], values: [-1, 2], type: 'int64' },
        shift: vector(1, 2),
        sd: vector(100, 200),
        mean: vector(5, 6),
      },
    });
    const after = 'it scales the outputs after the last weight';
    expect(found).toEqual({
      w: 'inOut',
      bias: 'bias',
      gamma: 'other',
      beta: 'bias',
      same: 'the same number throughout',
      half: ONE,
      v: 'inOut',
      shift: 'bias',
      sd: after,
      mean: after,
    });
  });

  it('the bias of a single output, of one number', () => {
    const found = standings({
      row: [3],
      nodes: [
        ['MatMul', ['x', 'w'], ['a']],
        ['Add', ['a', 'bias'], ['y']],
      ],
      tensors: { w: dense(3, 1), bias: vector(2) },
    });
    expect(found).toEqual({ w: 'inOut', bias: 'bias' });
  });

  it('not the ones and zeros of a normalisation without scale and shift, nor its statistics, nor masks', () => {
    const channels = (value: number): Stored => vector(value, value);
    const found = standings({
      row: [2, 4],
      nodes: [
        ['InstanceNormalization', ['x', 'ones', 'zeros'], ['a']],
        ['Conv', ['a', 'w'], ['b']],
        ['BatchNormalization', ['b', 'gamma', 'beta', 'mean', 'var'], ['c']],
        ['Add', ['c', 'mask'], ['d']],
        ['ReduceMean', ['d', 'axes'], ['e'], { keepdims: 0 }],
        ['Mul', ['masked', 'v'], ['u']],
        ['MatMul', ['e', 'u'], ['y']],
      ],
      tensors: {
        ones: channels(1),
        zeros: channels(0),
        w: { dims: [2, 2, 1], values: spread(4) },
        gamma: vector(1, 2),
        beta: vector(0, 1),
        mean: vector(0.5, 1),
        var: vector(1, 2),
        mask: { dims: [2, 4], values: [0, 0, 0, 0, -1e9, -1e9, 0, 0] },
        axes: { dims: [1], values: [2], type: 'int64' },
        masked: { dims: [2, 3], values: [0, 1, 1, 1, 0, 1] },
        v: dense(2, 3),
      },
    });
    const helper = 'ones and zeros of a normalisation that has no scale and shift';
    const statistics = 'means and variances of a normalisation';
    const mask = 'a mask: two different numbers only';
    expect(found).toEqual({
      ones: helper,
      zeros: helper,
      w: 'outIn',
      gamma: 'other',
      beta: 'bias',
      mean: statistics,
      var: statistics,
      mask,
      masked: mask,
      v: 'other',
    });
  });

  it('all heads of the last layer, and the only layer before a sum that skips', () => {
    const heads = read({
      row: [3],
      nodes: [
        ['Gemm', ['x', 'w', 'b'], ['h']],
        ['Gemm', ['h', 'm', 'mb'], ['mean']],
        ['Gemm', ['h', 's', 'sb'], ['raw']],
        ['Softplus', ['raw'], ['sigma']],
        ['Log', ['sigma'], ['log']],
        ['Concat', ['mean', 'log'], ['y'], { axis: 1 }],
      ],
      tensors: {
        w: dense(3, 4),
        b: vector(...spread(4)),
        m: dense(4, 1),
        mb: vector(1),
        s: dense(4, 1),
        sb: vector(2),
      },
    });
    expect(heads.last).toEqual(['m', 'mb', 's', 'sb']);
  });

  it('a tensor called as the likelihood calls its own', async () => {
    const network = read({
      row: [3],
      nodes: [['Gemm', ['x', 'logSigma', 'network.logSigma'], ['y']]],
      tensors: { logSigma: dense(3, 1), 'network.logSigma': vector(0.5) },
    });
    const bayesian = bayesianNetwork(
      onnxModel(network, { parameters: 'all', classes: 0 }),
      likelihood('gaussian', 1),
      3,
    );
    const names = bayesian.parameters.map(({ name }) => name);
    expect(new Set(names).size).toBe(3);
    expect(names.at(-1)).toBe('logSigma');
    const graph = await compile(predictionGraph(bayesian, 1, rows));
    const { x } = source(2);
    const turned = x.map((_, i) => x[(i % rows) * 3 + Math.floor(i / rows)]);
    const { mean, logSigma } = await graph.run({ theta: initial(bayesian, [0, 0]), x: turned });
    await graph.release();
    const w = spread(3);
    expect([...mean][1]).toBeCloseTo(w[0] * x[3] + w[1] * x[4] + w[2] * x[5] + 0.5, 5);
    expect([...logSigma]).toEqual([0]);
  });

  it.each(['constructor', '__proto__', 'toString', 'hasOwnProperty'])('no operator called %s', (name) => {
    const model = onnxModelFile(layer(1, [['Relu', ['z'], ['y']]]));
    model.graph.node[1].opType = name;
    expect(() => readOnnx(encodeModel(model), 'net.onnx', none)).toThrow(`node 'y' (${name}): no such operator here`);
  });
});

describe('a batch size written into the file', () => {
  const lengths = (...values: number[]): Stored => ({ dims: [values.length], values, type: 'int64' });
  /** Rows of [4, 3]: to [rows · 4, 3], a product, back to [rows, 8], a product. */
  const baked = (size: number): Description => ({
    row: [4, 3],
    rows: size,
    nodes: [
      ['Reshape', ['x', 'flat'], ['a']],
      ['MatMul', ['a', 'w'], ['b']],
      ['Reshape', ['b', 'back'], ['c']],
      ['Tanh', ['c'], ['d']],
      ['MatMul', ['d', 'v'], ['y']],
    ],
    tensors: { flat: lengths(4 * size, 3), back: lengths(size, -1), w: dense(3, 2), v: dense(8, 1) },
  });
  /** The same with the rows along the second axis, as recurrent networks and transformers have them. */
  const second = (size: number): Description => ({
    row: [4, 3],
    rows: size,
    nodes: [
      ['Transpose', ['x'], ['t'], { perm: [1, 0, 2] }],
      ['Reshape', ['t', 'heads'], ['a']],
      ['Transpose', ['a'], ['b'], { perm: [1, 0, 2, 3] }],
      ['Reshape', ['b', 'back'], ['c']],
      ['MatMul', ['c', 'w'], ['y']],
    ],
    tensors: { heads: lengths(4, size, 3, 1), back: lengths(size, 12), w: dense(12, 1) },
  });

  it.each([
    ['one row', baked(1), 1],
    ['five rows', baked(5), 5],
    ['one row along the second axis', second(1), 1],
    ['five rows along the second axis', second(5), 5],
  ])('of %s is made free', async (_what, description, size) => {
    const network = read(description);
    expect(network.notes).toEqual([
      `its shapes were written for ${size} row${size === 1 ? '' : 's'}, and are taken for any number`,
    ]);
    await checkRows(network);
    expect((await tryNetwork(network, 'all')).remarks).toEqual([]);
    const x = Float32Array.from(spread(10 * 12, 4));
    const graph = await compile(writtenOutputs(network, 10));
    const { y } = await graph.run({ x });
    await graph.release();
    const parts = Array.from({ length: 10 / size }, (_, k) =>
      runtime(onnxFile(description), x.slice(k * size * 12, (k + 1) * size * 12), [size, 4, 3]),
    );
    expectNear([...y], (await Promise.all(parts)).flat());
    expect(readOnnx(onnxBytes(network), 'again', none).outputs).toBe(1);
  });

  it('elsewhere than in a Reshape is named', () => {
    const description: Description = {
      row: [3],
      rows: 5,
      nodes: [
        ['Expand', ['token', 'shape'], ['t']],
        ['Concat', ['x', 't'], ['c'], { axis: 1 }],
        ['MatMul', ['c', 'w'], ['y']],
      ],
      tensors: { token: { dims: [1, 2], values: [1, 2] }, shape: lengths(5, 2), w: dense(5, 1) },
    };
    expect(() => read(description)).toThrow(
      /expected a network for any number of rows, got one written for 5: node 'c' \(Concat\)/,
    );
  });

  it('that mixes rows is refused when it is tried', async () => {
    const mixing = read(
      layer(
        1,
        [
          ['ReduceMean', ['z', 'axes'], ['m'], { keepdims: 1 }],
          ['Sub', ['z', 'm'], ['y']],
        ],
        {
          axes: lengths(0),
        },
      ),
    );
    await expect(tryNetwork(mixing, 'all')).rejects.toThrow('expected outputs of each row from that row alone');
  });
});

describe('reductions', () => {
  const KINDS = ['Sum', 'Mean', 'Max', 'Min', 'Prod', 'L1', 'L2', 'SumSquare', 'LogSum', 'LogSumExp'];
  /** Axes, whether they are kept, and the opset: since 13 or 18 axes are an input. */
  const CASES: readonly (readonly [readonly number[], number, number])[] = [
    [[1], 1, 11],
    [[2], 0, 18],
    [[1, 2], 0, 11],
    [[-1], 1, 18],
  ];
  const x = Float32Array.from(spread(4 * 12, 3), (v) => 1.5 + v);

  it.each(KINDS)('Reduce%s is what ONNX Runtime makes of it', async (kind) => {
    for (const [axes, keepdims, opset] of CASES) {
      const asInput = opset === 18;
      const count = 12 / axes.reduce((product, axis) => product * [4, 3][axis < 0 ? 1 : axis - 1], 1);
      const file = onnxFile({
        row: [4, 3],
        opset,
        nodes: [
          [`Reduce${kind}`, ['x', ...(asInput ? ['axes'] : [])], ['r'], { keepdims, ...(!asInput && { axes }) }],
          ['Flatten', ['r'], ['f'], { axis: 1 }],
          ['MatMul', ['f', 'w'], ['y']],
        ],
        tensors: {
          ...(asInput && { axes: { dims: [axes.length], values: axes, type: 'int64' as const } }),
          w: dense(count, 1),
        },
      });
      const graph = await compile(writtenOutputs(readOnnx(file, 'net.onnx', none), 4));
      const { y } = await graph.run({ x });
      await graph.release();
      expectNear([...y], await runtime(file, x, [4, 4, 3]), 1e-4);
    }
  });

  it.each(['Sum', 'Prod', 'Max', 'Min'])(
    'Reduce%s of integers that shapes are made of honours its axes',
    async (kind) => {
      const file = onnxFile({
        row: [12],
        nodes: [
          [`Reduce${kind}`, ['table', 'axes'], ['r'], { keepdims: 0 }],
          ['Concat', ['minus', 'r'], ['lengths'], { axis: 0 }],
          ['Reshape', ['x', 'lengths'], ['a']],
          ['Flatten', ['a'], ['f'], { axis: 1 }],
          ['MatMul', ['f', 'w'], ['y']],
        ],
        tensors: {
          // Every row of the table reduces to 12 numbers in some order of lengths.
          table: {
            dims: [2, 2],
            values: { Sum: [1, 2, 3, 1], Prod: [3, 1, 2, 2], Max: [3, 1, 2, 4], Min: [3, 5, 4, 9] }[kind]!,
            type: 'int64',
          },
          axes: { dims: [1], values: [1], type: 'int64' },
          minus: { dims: [1], values: [-1], type: 'int64' },
          w: dense(12, 1),
        },
      });
      const graph = await compile(writtenOutputs(readOnnx(file, 'net.onnx', none), 4));
      const { y } = await graph.run({ x });
      await graph.release();
      expectNear([...y], await runtime(file, x, [4, 12]));
    },
  );
});
