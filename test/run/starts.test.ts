/** Several networks as starts, and a prior around given weights. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type FitOptions, fit, prepareRun } from '../../src/control/fit.ts';
import { compile } from '../../src/engine/session.ts';
import { decodeModel, encodeModel } from '../../src/graph/index.ts';
import { likelihood } from '../../src/models/likelihood.ts';
import { onnxModel, unitOf } from '../../src/models/onnx/model.ts';
import { readOnnx } from '../../src/models/onnx/read.ts';
import { onnxBytes, withStarts } from '../../src/models/onnx/starts.ts';
import { bayesianNetwork, initial, predictionGraph } from '../../src/models/posterior.ts';
import { loadRun } from '../../src/spec/loaded-run.ts';
import { readStarts } from '../../src/spec/members.ts';
import type { FitConfig } from '../../src/spec/spec.ts';

const CASES = resolve('test/fixtures/onnx-cases');
const folder = mkdtempSync(join(tmpdir(), 'smile-starts-'));
const none = () => {
  throw new Error('nothing outside');
};
const base = join(CASES, 'm_base.onnx');
/** The network with all reals scaled. */
function scaled(name: string, factor: number, of: readonly string[] = []): string {
  const model = decodeModel(readFileSync(base));
  for (const tensor of model.graph.initializer) {
    if (of.length > 0 && !of.includes(tensor.name)) continue;
    const values = new Float32Array(Uint8Array.from(tensor.rawData!).buffer).map((v) => factor * v);
    tensor.rawData = new Uint8Array(values.buffer);
  }
  writeFileSync(join(folder, name), encodeModel(model));
  return join(folder, name);
}
const read = (path: string) => readOnnx(readFileSync(path), path, none);
const [second, third, head] = [
  scaled('b.onnx', 0.9),
  scaled('c.onnx', 1.1),
  scaled('d.onnx', 2, ['4.weight', '4.bias']),
];

let runs = 0;
const options = (model: FitConfig['model'], data = 'reg.csv'): FitOptions => ({
  data: join(CASES, data),
  out: join(folder, `run-${runs++}`),
  workers: 0,
  config: { model: model ?? {}, chains: 4, compute: { threads: 1 }, sampler: { warmup: 10, steps: 10, thin: 5 } },
});
async function notes(given: FitOptions): Promise<string> {
  const said: string[] = [];
  await prepareRun({ ...given, onEvent: (event) => event.type === 'note' && said.push(event.message) });
  return said.join('\n');
}

describe('several networks', () => {
  it('are the starts of chains in turn, from the run directory alone', async () => {
    const given = options({ network: base, starts: [second, third] });
    await fit(given);
    const first = read(base).tensors.flatMap(({ values }) => Array.from(values));
    const members = readStarts(loadRun(given.out));
    expect(members.length).toBe(4);
    for (const [k, factor] of [1, 0.9, 1.1, 1].entries()) {
      first.forEach((value, i) => {
        expect(members[k][i]).toBeCloseTo(factor * value, 5);
      });
    }
  });

  it('travel in the file of the first, and are none of its tensors', () => {
    const again = readOnnx(onnxBytes(withStarts(read(base), [read(second)])), 'again', none);
    expect(again.tensors.map(({ name }) => name)).toEqual(read(base).tensors.map(({ name }) => name));
    expect([...Array.from(again.starts[0].get('2.bias')!)]).toEqual([...Array.from(read(second).tensors[3].values)]);
  });

  it('differ in what is sampled only', async () => {
    expect(await notes(options({ network: base, starts: [head], parameters: 'last' }))).toContain('(2 of 6 tensors)');
    await expect(notes(options({ network: base, starts: [second], parameters: 'last' }))).rejects.toThrow(
      "expected tensors that are not sampled to be the same in all networks, got others in '0.weight'",
    );
    await expect(notes(options({ network: base, starts: [join(CASES, 'm_sig2.onnx')] }))).rejects.toThrow(
      "m_sig2.onnx: expected the graph of m_base.onnx with other weights, got 'Gemm(relu_1, 4.weight, 4.bias) -> linear_2",
    );
    await expect(notes(options({ starts: [second] }))).rejects.toThrow(
      'model.starts: expected a network in model.network',
    );
  });
});

describe('a prior around given weights', () => {
  it('has offsets for parameters, in the unit of each tensor, and starts at the network', async () => {
    const network = read(join(CASES, 'm_raw.onnx'));
    const model = onnxModel(network, { parameters: 'all', classes: 0, around: true });
    const bayesian = bayesianNetwork(model, likelihood('gaussian', 1), 4);
    const theta = initial(bayesian, [0, 0]);
    expect(theta.every((v) => v === 0)).toBe(true);
    const graph = await compile(predictionGraph(bayesian, 1, 1));
    const x = Float32Array.of(0.5, -1, 0.25, 2);
    const start = (await graph.run({ theta, x })).mean[0];
    const bias = bayesian.parameters.reduce(
      (at, { name, shape }) => (name === '4.bias' ? -at - 1 : at < 0 ? at : at + shape.reduce((n, m) => n * m, 1)),
      0,
    );
    theta[-bias - 1] = 0.5;
    const moved = (await graph.run({ theta, x })).mean[0];
    await graph.release();
    const plain = bayesianNetwork(onnxModel(network, { parameters: 'all', classes: 0 }), likelihood('gaussian', 1), 4);
    const own = await compile(predictionGraph(plain, 1, 1));
    expect((await own.run({ theta: initial(plain, [0, 0]), x })).mean[0]).toBeCloseTo(start, -1);
    await own.release();
    const unit = unitOf(network.tensors[5]);
    expect(unit).toBeCloseTo(195514.23, 0);
    expect((moved - start) / unit).toBeCloseTo(0.5, 4);
    expect(unitOf({ values: [0.1, -0.1] })).toBe(1);
  });

  it('is offered where weights lie far out, and not once it is there', async () => {
    const network = join(CASES, 'm_raw.onnx');
    expect(await notes(options({ network }, 'price.csv'))).toMatch(
      /m_raw.onnx: weights lie up to so many prior deviations from zero: 4.weight \(39,964\), 4.bias \(195,514\)\..*--prior-around/,
    );
    expect(await notes(options({ network, priorScale: 1e6 }, 'price.csv'))).not.toContain('prior deviations');
    expect(await notes(options({ network, priorAround: true }, 'price.csv'))).not.toContain('prior deviations');
    expect(await notes(options({ network: base }))).not.toContain('prior deviations');
    await expect(notes(options({ network: base, starts: [second], priorAround: true }))).rejects.toThrow(
      'expected one network for a prior around its weights, got 2',
    );
    await expect(notes(options({ priorAround: true }))).rejects.toThrow('model.priorAround: expected a network');
  });
});
