/** Networks as exporters write them: what of them is sampled, and that they say what ONNX Runtime says of the file. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { type TableRows, tableRows } from '../../src/data/table/rows.ts';
import { compile } from '../../src/engine/session.ts';
import { likelihood } from '../../src/models/likelihood.ts';
import { onnxModel } from '../../src/models/onnx/model.ts';
import type { OnnxNetwork } from '../../src/models/onnx/network.ts';
import { readOnnx } from '../../src/models/onnx/read.ts';
import { bayesianNetwork, initial, predictionGraph } from '../../src/models/posterior.ts';
import { settleOutputs } from '../../src/spec/network-outputs.ts';
import { checkRows } from '../../src/spec/network-trial.ts';

const FOLDER = join(import.meta.dirname, '../fixtures/onnx-cases');
const bytes = (file: string) => readFileSync(join(FOLDER, file));
const read = (name: string) => readOnnx(bytes(`${name}.onnx`), `${name}.onnx`, (file) => bytes(file));

/** Rows of a table whose last column is the target. */
function table(file: string): TableRows {
  const lines = bytes(file).toString().trim().split('\n').slice(1);
  const cells = lines.map((line) => line.split(',').map(Number));
  const inputs = cells[0].length - 1;
  return tableRows({
    x: Float32Array.from(cells.flatMap((row) => row.slice(0, inputs))),
    y: Float64Array.from(cells, (row) => row[inputs]),
    inputs,
    targets: 1,
  });
}

/** What ONNX Runtime makes of the file itself, `[rows × outputs]`. */
async function runtime(name: string, { x, count: rows, inputs }: ReturnType<typeof table>): Promise<number[]> {
  const session = await InferenceSession.create(bytes(`${name}.onnx`));
  const double = name === 'm_double';
  const feed = double
    ? new Tensor('float64', Float64Array.from(x), [rows, inputs])
    : new Tensor('float32', x, [rows, inputs]);
  const out = await session.run({ [session.inputNames[0]]: feed });
  return Array.from(out[session.outputNames[0]].data as Float32Array);
}

/** What the start of a chain says of the rows: probabilities `[rows × K]`, or means. */
async function start(
  network: OnnxNetwork,
  { x, count: rows, inputs }: ReturnType<typeof table>,
  classes: number,
  outputs: 'auto' | 'logits' | 'probabilities',
) {
  const model = onnxModel(network, { parameters: 'all', classes, outputs });
  const name = classes > 0 ? 'softmax' : network.outputs === 2 ? 'gaussian-per-input' : 'gaussian';
  const bayesian = bayesianNetwork(model, likelihood(name, Math.max(1, classes)), inputs);
  const graph = await compile(predictionGraph(bayesian, 1, rows));
  const turned = x.map((_, i) => x[(i % rows) * inputs + Math.floor(i / rows)]);
  const out = await graph.run({ theta: initial(bayesian, [0, 0]), x: turned });
  await graph.release();
  if (classes === 0) return Array.from(out.mean);
  return Array.from({ length: rows * classes }, (_, i) =>
    Math.exp(out.logProbability[(i % classes) * rows + Math.floor(i / classes)]),
  );
}

const furthest = (a: readonly number[], b: readonly number[]) => Math.max(...a.map((v, i) => Math.abs(v - b[i])));
describe('probabilities at the end', () => {
  it.each([
    ['m_sig2', 2, ['Sigmoid']],
    ['m_sig2_squeeze', 2, ['Squeeze', 'Sigmoid']],
    ['m_sig2_clip', 2, ['Clip', 'Sigmoid']],
    ['m_sig2_cat', 2, ['Concat', 'Sigmoid']],
    ['m_soft3', 3, ['Softmax']],
    ['m_soft3_clip', 3, ['Clip', 'Softmax']],
    ['m_soft3_exp', 3, ['Exp', 'LogSoftmax']],
  ] as const)('%s are found, and the chains start where ONNX Runtime is', async (name, classes, operators) => {
    const rows = table(`cls${classes}.csv`);
    const network = read(name);
    expect(network.ending.operators).toEqual(operators);
    const { outputs, note } = await settleOutputs(network, 'auto', rows, classes);
    expect([outputs, note]).toEqual([
      'probabilities',
      `${name}.onnx ends in probabilities (${operators.join(' of ')}): that is left off, and the logits before it are sampled`,
    ]);
    const got = await start(network, rows, classes, outputs);
    const raw = await runtime(name, rows);
    const whole = network.outputs === 1 ? raw.flatMap((p) => [1 - p, p]) : raw;
    expect(furthest(got, whole)).toBeLessThan(1e-5);
  });

  it('stay where the target is a number', async () => {
    const rows = table('frac.csv');
    const network = read('m_sigreg');
    const { outputs, note } = await settleOutputs(network, 'auto', rows, 0);
    expect(note).toBe('m_sigreg.onnx ends in Sigmoid, which stays, since the target is a number');
    const got = await start(network, rows, 0, outputs);
    expect(furthest(got, await runtime('m_sigreg', rows))).toBeLessThan(1e-6);
    const rmse = Math.sqrt(got.reduce((sum, v, i) => sum + (v - rows.y[i]) ** 2, 0) / rows.count);
    expect(rmse).toBeCloseTo(0.043, 3);
  });
});

describe('what is sampled', () => {
  const learned = (name: string) => read(name).tensors.flatMap(({ name, learned }) => (learned ? [name] : []));
  const constants = (name: string) =>
    Object.fromEntries(read(name).tensors.flatMap(({ name, reason }) => (reason ? [[name, reason]] : [])));
  const plain = ['0.weight', '0.bias', '2.weight', '2.bias', '4.weight', '4.bias'];

  it.each(['m_base', 'm_const', 'm_constbias', 'm_double', 'm_raw'])(
    '%s: all weights and biases, wherever they stand',
    (name) => {
      expect(learned(name).sort()).toEqual([...plain].sort());
      expect(read(name).last.toSorted()).toEqual(['4.bias', '4.weight']);
    },
  );

  it('m_two: both heads of the last layer', () => {
    expect(read('m_two').last).toEqual(['m.weight', 'm.bias', 'v.weight', 'v.bias']);
  });

  it.each(['m_outscaled0', 'm_outscaled1'])('%s: no scale of the data or of the outputs', (name) => {
    expect(learned(name)).toEqual(plain.map((each) => `net.${each}`));
    const scale = 'it scales the data before the first weight';
    const one = 'one number, and no bias of a layer';
    const outer = name === 'm_outscaled1' ? { om: one, osd: one } : {};
    expect(constants(name)).toEqual({ im: scale, isd: scale, ...outer });
  });

  it('m_ft: not the scale of the attention, but the weights that numbers are embedded by', () => {
    expect(constants('m_ft')).toEqual({ val_81: 'one number, and no bias of a layer' });
    expect(learned('m_ft')).toContain('w');
  });

  it('m_wn_ts, m_wn: directions and lengths of normalised weights', () => {
    const parts = [0, 2].flatMap((k) => [
      `${k}.bias`,
      `${k}.parametrizations.weight.original0`,
      `${k}.parametrizations.weight.original1`,
    ]);
    expect(learned('m_wn_ts')).toEqual(parts);
    expect(read('m_wn_ts').last).toEqual(parts.slice(3));
    expect(learned('m_wn')).toEqual(['0.bias', '2.bias', 'mul', 'mul_5']);
  });

  it('m_double: computed in float32, with a word', () => {
    expect(read('m_double').notes).toEqual([
      'its float64 numbers are computed with in float32, as all networks here are',
    ]);
  });

  it('m_skl: labels cannot be sampled through, and where to cut is said', () => {
    expect(() => read('m_skl')).toThrow(
      /node 'label' \(ArgMax\): no such operator here\nCut the network at 'probabilities', .*extract_model\("m_skl.onnx", "cut.onnx", \["X"\], \["probabilities"\]\)/,
    );
  });

  let rows: ReturnType<typeof table>;
  beforeAll(() => {
    rows = table('reg.csv');
  });
  it.each([
    'm_base',
    'm_const',
    'm_constbias',
    'm_double',
    'm_wn',
    'm_wn_ts',
    'm_ft',
    'm_outscaled0',
    'm_outscaled1',
    'm_raw',
  ])('%s says what ONNX Runtime says, of each row by itself', async (name) => {
    const network = read(name);
    const truth = await runtime(name, rows);
    const scale = Math.max(...truth.map(Math.abs));
    expect(furthest(await start(network, rows, 0, 'auto'), truth) / scale).toBeLessThan(1e-5);
    await checkRows(network);
  });
});
