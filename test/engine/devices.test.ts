import { describe, expect, it } from 'vitest';
import { tolerable } from '../../src/engine/devices.ts';
import { chainsPerGraph } from '../../src/engine/layout.ts';
import { compile, DEVICES, inspectDevice } from '../../src/engine/session.ts';
import * as g from '../../src/graph/index.ts';
import { normals } from '../../src/math/random.ts';
import { gpt } from '../../src/models/gpt.ts';
import { lenet } from '../../src/models/lenet.ts';
import { likelihood, tokens } from '../../src/models/likelihood.ts';
import { mlp } from '../../src/models/mlp.ts';
import { bayesianNetwork, initial, networkLogDensity, posteriorGraph } from '../../src/models/posterior.ts';
import { resnet7 } from '../../src/models/resnet.ts';

const gpu = await inspectDevice('webgpu');
if (gpu.fault) console.warn(`WebGPU tests are skipped: ${gpu.fault}`);

const random = (n: number, seed: number) => {
  const values = new Float64Array(n);
  normals([seed, 3], values);
  return values;
};

describe('devices', () => {
  it('the processor computes what float64 computes, to float32', async () => {
    const { fault, errors } = await inspectDevice('cpu');
    expect(fault).toBeUndefined();
    expect(Object.keys(errors).length).toBe(13);
    for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(tolerable(name));
  });

  it('a device that is not there is said, and hurts nothing', async () => {
    expect(DEVICES).toContain('webgpu');
    if (gpu.fault) expect(gpu.fault).toContain('compile: expected a GPU that WebGPU can reach, got none');
    expect((await inspectDevice('cpu')).fault).toBeUndefined();
  });

  it.skipIf(gpu.fault)('WebGPU computes what float64 computes, to float32', () => {
    for (const [name, error] of Object.entries(gpu.errors)) expect(error, name).toBeLessThan(tolerable(name));
  });

  it.skipIf(gpu.fault).each([
    ['mlp', mlp({ inputs: 4, hidden: [8, 8], outputs: 3, activation: 'gelu' }), likelihood('softmax', 3), 4],
    ['lenet', lenet({ input: [1, 14, 14], classes: 3 }), likelihood('softmax', 3), 196],
    ['resnet-7', resnet7({ input: [2, 8, 8], classes: 3 }), likelihood('softmax', 3), 128],
    ['gpt', gpt({ vocabulary: 5, length: 6, width: 8, depth: 2, heads: 2 }), tokens(5, 6), 6],
  ] as const)('%s has the same value and gradient on WebGPU', async (_name, model, chosen, inputs) => {
    const network = bayesianNetwork(model, chosen, inputs);
    const rows = 3;
    const graph = posteriorGraph(network, 1, rows, { priorScale: 1, factor: 1 });
    const theta = initial(network, [1, 2]).map((v, i) => v + 0.1 * Math.sin(i));
    const isText = chosen.targets === inputs;
    const x = Float32Array.from(random(inputs * rows, 1), (v) => (isText ? Math.abs(Math.round(20 * v)) % 5 : v));
    const y = Float32Array.from({ length: chosen.targets * rows }, (_, i) =>
      isText ? i % 5 : Number(Math.floor(i / rows) === i % rows),
    );
    const [here, there] = await Promise.all(
      (['cpu', 'webgpu'] as const).map(async (device) => {
        const compiled = await compile(graph, { device });
        const result = await compiled.run({ theta, x, y });
        const kept = { value: [...result.logLikelihood], gradient: Float64Array.from(result.gradient) };
        await compiled.release();
        return kept;
      }),
    );
    here.value.forEach((v, i) => {
      expect(Math.abs(v - there.value[i])).toBeLessThan(1e-3 * (1 + Math.abs(v)));
    });
    const norm = Math.sqrt(here.gradient.reduce((sum, v) => sum + v * v, 0));
    const gap = Math.sqrt(here.gradient.reduce((sum, v, i) => sum + (v - there.gradient[i]) ** 2, 0));
    expect(gap).toBeLessThan(1e-3 * norm);
  });
});

describe('layouts', () => {
  const network = bayesianNetwork(
    mlp({ inputs: 4, hidden: [16, 16], outputs: 1, activation: 'relu' }),
    likelihood('gaussian', 1),
    4,
  );
  const scaling = { priorScale: 1, factor: 2 };
  const graphOf = (chains: number) => posteriorGraph(network, chains, 32, scaling);

  it('small networks share a graph; what the user settled holds', async () => {
    const asked = { chains: 5, threads: 2, device: 'cpu' as const };
    expect(await chainsPerGraph(graphOf, asked)).toBe(5);
    expect(await chainsPerGraph(graphOf, { ...asked, wanted: 2 })).toBe(2);
  });

  it('large networks are tried', async () => {
    const wide = bayesianNetwork(
      mlp({ inputs: 100, hidden: [300], outputs: 1, activation: 'relu' }),
      likelihood('gaussian', 1),
      100,
    );
    const tried = await chainsPerGraph((chains) => posteriorGraph(wide, chains, 64, scaling), {
      chains: 3,
      threads: 1,
      device: 'cpu',
    });
    expect([1, 3]).toContain(tried);
  });

  it('refuses what cannot fit in memory, with numbers', async () => {
    const huge = (chains: number) => {
      const theta = g.input('theta', [chains, 10], 'float64');
      const row = g.reshape(g.cast(theta, 'float32'), [chains, 10, 1]);
      return { inputs: { theta }, outputs: { y: g.exp(g.expand(row, [chains, 10, 2 ** 36])) } };
    };
    await expect(chainsPerGraph(huge, { chains: 2, threads: 1, device: 'cpu' })).rejects.toThrow(
      /compile: expected a graph that fits in .* GB, got about .* GB for 1 chain/,
    );
  });

  it('groups of chains give the bits of the whole block, whatever their size', async () => {
    const [chains, rows] = [5, 32];
    const theta = random(chains * network.dim, 7);
    const batch = {
      x: Float32Array.from(random(chains * 4 * rows, 8)),
      y: Float32Array.from(random(chains * rows, 9)),
    };
    const results = [];
    for (const size of [5, 2, 1]) {
      const compiled = await compile(graphOf(size));
      const density = networkLogDensity(compiled, network.dim, scaling, size);
      const [value, gradient] = [new Float64Array(chains), new Float64Array(theta.length)];
      await density.evaluate(theta, batch, value, gradient);
      results.push([...value, ...gradient]);
      await compiled.release();
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });
});

describe('memory', () => {
  it('estimates the fullest moment', () => {
    const x = g.input('x', [1000]);
    const y = g.exp(g.tanh(g.sigmoid(x)));
    // The input stays; of the chain two neighbours live at a time.
    expect(g.peakBytes({ y })).toBe(4 * 3000);
    expect(g.peakBytes({ z: g.add(y, g.reshape(g.tanh(x), [1000])) })).toBe(4 * 4000);
  });
});
