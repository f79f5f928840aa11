/** Rows that threads share out, or take in portions: the numbers of the whole. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { aside } from '../../src/engine/aside.ts';
import { inParallel } from '../../src/engine/parts.ts';
import { compile } from '../../src/engine/session.ts';
import { normals } from '../../src/math/random.ts';
import { rootKey } from '../../src/math/threefry.ts';
import { lenet } from '../../src/models/lenet.ts';
import { likelihood } from '../../src/models/likelihood.ts';
import { mlp } from '../../src/models/mlp.ts';
import { bayesianNetwork, type GraphSpec, posteriorGraph, separateGraph } from '../../src/models/posterior.ts';
import type { TensorData } from '../../src/types.ts';
import { built } from '../built.ts';

const dense = bayesianNetwork(
  mlp({ inputs: 3, hidden: [8, 8], outputs: 1, activation: 'relu' }),
  likelihood('gaussian', 1),
  3,
);
const images = bayesianNetwork(lenet({ input: [1, 12, 12], classes: 10 }), likelihood('softmax', 10), 144);
/** So narrow that a prior counted twice would show. */
const scaling = { priorScale: 0.1, factor: 3 };
const GRAPHS: Readonly<Record<string, GraphSpec>> = {
  'two chains of an MLP': posteriorGraph(dense, 2, 7, scaling),
  'two chains of an MLP in portions': inPortions(posteriorGraph(dense, 2, 12, scaling), 2),
  LeNet: separateGraph(images, 7, 3),
  'LeNet in portions': inPortions(separateGraph(images, 9, 3), 3),
};

/** The graph in portions of so many rows, where these divide all. */
function inPortions(graph: GraphSpec, portion: number): GraphSpec {
  const byRows = graph.byRows!;
  return {
    ...graph,
    byRows: {
      ...byRows,
      part: (rows, share) => inPortions(byRows.part(rows, share), portion),
      portion: () => (byRows.rows % portion === 0 ? portion : byRows.rows),
    },
  };
}

function feedsOf({ inputs }: GraphSpec): Record<string, TensorData> {
  const sized = Object.entries(inputs).map(([name, { shape, dtype }], i): [string, TensorData] => {
    const numbers = new Float64Array(shape.reduce((product, n) => product * n, 1));
    normals(rootKey(i), numbers);
    return [name, dtype === 'float64' ? numbers.map((v) => v / 4) : Float32Array.from(numbers, (v) => v / 4)];
  });
  return Object.fromEntries(sized);
}

describe.each(Object.entries(GRAPHS))('%s', (_, graph) => {
  const feeds = feedsOf(graph);

  it('has the numbers of one thread, in parts of the same size and of others', async () => {
    const { byRows, ...undivided } = graph;
    const whole = await (await compile(undivided)).run(feeds);
    for (const threads of [1, 2, 3, 64]) {
      const compiled = await compile(graph, { threads, sharing: 'rows' });
      const shared = await compiled.run(feeds);
      expect(Object.keys(shared).sort()).toEqual(Object.keys(whole).sort());
      for (const [name, numbers] of Object.entries(whole)) {
        const norm = Math.hypot(...numbers);
        expect(norm, name).toBeGreaterThan(0);
        expect(Math.hypot(...numbers.map((v, i) => shared[name][i] - v)), name).toBeLessThan(1e-5 * norm);
      }
      await compiled.release();
    }
  });

  it('has the same bits again, in given arrays too', async () => {
    const compiled = await compile(graph, { threads: 2, sharing: 'rows' });
    const copy = (results: Record<string, TensorData>) =>
      Object.fromEntries(Object.entries(results).map(([name, numbers]) => [name, [...numbers]]));
    const first = copy(await compiled.run(feeds));
    const into = Object.fromEntries(
      Object.entries(graph.outputs).map(([name, { dtype }]): [string, TensorData] => {
        const size = first[name].length;
        return [name, dtype === 'float64' ? new Float64Array(size).fill(9) : new Float32Array(size).fill(9)];
      }),
    );
    const second = await compiled.run(feeds, into);
    for (const [name, numbers] of Object.entries(second)) expect(numbers, name).toBe(into[name]);
    expect(copy(second)).toEqual(first);
    await compiled.release();
  });

  it('takes no feed of another size', async () => {
    const compiled = await compile(graph, { threads: 2, sharing: 'rows' });
    const x = feeds.x.subarray(1);
    await expect(compiled.run({ ...feeds, x })).rejects.toThrow(`run: expected 'x' to be float32 of ${x.length + 1}`);
    await compiled.release();
  });
});

describe('portions', () => {
  const portion = (graph: GraphSpec) => graph.byRows?.portion();
  const lenets = bayesianNetwork(lenet({ input: [1, 28, 28], classes: 10 }), likelihood('softmax', 10), 784);

  it('are halves of large batches, as long as these are large, the same for any number of chains', () => {
    expect(portion(posteriorGraph(lenets, 1, 512, scaling))).toBe(128);
    expect(portion(posteriorGraph(lenets, 3, 512, scaling))).toBe(128);
    expect(portion(posteriorGraph(lenets, 1, 508, scaling))).toBe(127);
    expect(portion(posteriorGraph(lenets, 1, 100, scaling))).toBe(100);
  });

  it('are all rows of small networks, and of networks with many parameters', () => {
    expect(portion(posteriorGraph(dense, 10, 4096, scaling))).toBe(4096);
    const wide = mlp({ inputs: 3, hidden: [2000, 2000], outputs: 1, activation: 'relu' });
    expect(portion(separateGraph(bayesianNetwork(wide, likelihood('gaussian', 1), 3), 2048, 1))).toBe(2048);
  });
});

describe('a thread of its own', () => {
  it('says what the runtime refuses', async () => {
    const model = { bytes: new Uint8Array([1, 2, 3]), settings: {} };
    await expect(aside(model, { inputs: {}, outputs: {} })).rejects.toThrow(/[Ll]oad|protobuf|model/);
  });

  it('is let go where another part cannot be compiled', async () => {
    const { byRows, ...whole } = GRAPHS.LeNet;
    const released: number[] = [];
    const half = (part: number) => ({ run: async () => ({}), release: async () => void released.push(part) });
    const parts = inParallel(whole, byRows!, 3, async (_, part) => {
      if (part === 1) throw new Error('too large');
      return half(part);
    });
    await expect(parts).rejects.toThrow('too large');
    expect(released).toEqual([0, 2]);
  });

  it('is done before another part’s error is seen', async () => {
    const { byRows, ...whole } = GRAPHS.LeNet;
    let done = false;
    const parts = await inParallel(whole, byRows!, 2, async (_, part) => ({
      run: async () => {
        if (part === 0) throw new Error('out of memory');
        await new Promise((wake) => setTimeout(wake, 50));
        done = true;
        return {};
      },
      release: async () => {},
    }));
    await expect(parts.run(feedsOf(whole))).rejects.toThrow('out of memory');
    expect(done).toBe(true);
  });

  const program = (end: string) => `
    import { bayesianNetwork, compile, likelihood, mlp, posteriorGraph } from '${built('index.js')}';
    const network = bayesianNetwork(mlp({ inputs: 1, hidden: [4], outputs: 1, activation: 'relu' }), likelihood('gaussian', 1), 1);
    const compiled = await compile(posteriorGraph(network, 1, 8, { priorScale: 1, factor: 1 }), { threads: 2, sharing: 'rows' });
    const feeds = { theta: new Float64Array(network.dim), x: new Float32Array(8), y: new Float32Array(8) };
    const { logLikelihood } = await compiled.run(feeds);
    console.log(logLikelihood.length);
    ${end}`;

  it.each(['', 'await compiled.release();'])('lets the program end, released or not: %j', (end) => {
    const ended = spawnSync(process.execPath, ['--input-type=module', '-e', program(end)], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(ended.stderr).toBe('');
    expect([ended.status, ended.stdout]).toEqual([0, '8\n']);
  });
});
