/**
 * Value and gradient of the networks beside PyTorch on the same processor, interleaved in one run: milliseconds with one
 * and with two threads (used as `--threads auto` uses them), and of two processes with a chain each; floating-point
 * operations, as a share of what this processor does in a matrix product between the rounds, with and without what a sampler
 * keeps in float64; peak memory of value and gradient in float32, as PyTorch has them; nodes of the emitted graph.
 *
 * Command:  npx tsx bench/throughput.ts [--rows mlp,lenet,resnet7,resnet18,vit,gpt-small,gpt] [--rounds 7] [--python python3] [--compile] [--spread 1]
 *           npx tsx bench/throughput.ts --memory lenet --evaluations 2000     (memory along the way, ours alone)
 * PyTorch:  any Python with torch; without one, ours alone is measured. `pip install torch`, or Debian's python3-torch.
 *           With --compile the faster of eager and torch.compile. Its allocator keeps memory between evaluations, as ours
 *           does, which helps it where page faults are dear.
 *           With --spread 20 all initial parameters are 20 times as large on both sides, for LeNet as large as a standard
 *           normal prior has them: classes are then all but certain, and gradients full of numbers near zero.
 * Cost:     about five minutes, with --compile ten. Result: docs/reproduction.md, "Throughput".
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { blockSize } from '../src/engine/blocks.ts';
import { room } from '../src/engine/compiled.ts';
import { bestThreads } from '../src/engine/layout.ts';
import { compile } from '../src/engine/session.ts';
import * as g from '../src/graph/index.ts';
import { lowered } from '../src/graph/lower.ts';
import { topological } from '../src/graph/topological.ts';
import { gpt } from '../src/models/gpt.ts';
import { lenet } from '../src/models/lenet.ts';
import { type Likelihood, likelihood, tokens } from '../src/models/likelihood.ts';
import { mlp } from '../src/models/mlp.ts';
import type { Model } from '../src/models/model.ts';
import {
  bayesianNetwork,
  initial,
  type NetworkBatch,
  networkLogDensity,
  posteriorGraph,
  SEPARATE,
  separateGraph,
  separateLogDensity,
} from '../src/models/posterior.ts';
import { resnet, resnet7 } from '../src/models/resnet.ts';
import { vit } from '../src/models/vit.ts';

interface Row {
  readonly model: Model;
  readonly likelihood: Likelihood;
  readonly inputs: number;
  readonly batch: number;
  readonly chains: number;
  /** Calls that make one measurement. */
  readonly repeats: number;
}

const image = (model: Model, inputs: number, batch: number): Row => {
  return { model, likelihood: likelihood('softmax', 10), inputs, batch, chains: 1, repeats: 1 };
};
const text = (length: number, batch: number, size: object): Row => {
  const model = gpt({ vocabulary: 65, length, ...size });
  return { model, likelihood: tokens(65, length), inputs: length, batch, chains: 1, repeats: 1 };
};
const ROWS: Readonly<Record<string, () => Row>> = {
  mlp: () => ({
    model: mlp({ inputs: 8, hidden: [16, 16, 16], outputs: 2, activation: 'relu' }),
    likelihood: likelihood('gaussian-per-input', 1),
    inputs: 8,
    batch: 256,
    chains: 10,
    repeats: 100,
  }),
  lenet: () => image(lenet({ input: [1, 28, 28], classes: 10 }), 784, 512),
  resnet7: () => image(resnet7({ input: [3, 32, 32], classes: 10 }), 3072, 64),
  resnet18: () => image(resnet({ input: [3, 32, 32], classes: 10 }), 3072, 64),
  vit: () => image(vit({ input: [3, 160, 160], classes: 10 }), 76_800, 8),
  'gpt-small': () => text(64, 16, { width: 128, depth: 2, heads: 4 }),
  gpt: () => text(256, 4, {}),
};

const SCALING = { priorScale: 1, factor: 1 };

const graphOf = ({ model, likelihood: chosen, inputs, batch, chains }: Row) => {
  const network = bayesianNetwork(model, chosen, inputs);
  const large = network.dim >= SEPARATE;
  return { network, graph: large ? separateGraph(network, batch, 1) : posteriorGraph(network, chains, batch, SCALING) };
};

function batchOf({ chains, inputs, batch, likelihood: chosen }: Row): NetworkBatch {
  const isText = chosen.targets === inputs;
  const x = Float32Array.from({ length: chains * inputs * batch }, (_, i) =>
    isText ? (i * 7) % 65 : Math.sin(i * 1.7),
  );
  const y = Float32Array.from({ length: chains * chosen.targets * batch }, (_, i) =>
    isText ? (i * 11) % 65 : Number(Math.floor(i / batch) === (i % batch) % chosen.targets),
  );
  return { x, y };
}

/** One measurement of a row, as often as asked for: the log density as samplers see it, with up to so many threads. */
async function measurer(row: Row, most: number): Promise<() => Promise<number>> {
  const { network, graph } = graphOf(row);
  const { threads = 1, sharing = 'operators' } = most > 1 ? ((await bestThreads(graph, most, {})) ?? {}) : {};
  const compiled = await compile(graph, { threads, sharing });
  const density =
    network.dim < SEPARATE
      ? networkLogDensity(compiled, network.dim, SCALING)
      : separateLogDensity(compiled, network, SCALING);
  const theta = new Float64Array(row.chains * network.dim);
  for (let c = 0; c < row.chains; c++) {
    theta.set(
      initial(network, [c, 1]).map((w) => spread * w),
      c * network.dim,
    );
  }
  const batch = batchOf(row);
  const [value, gradient] = [new Float64Array(row.chains), new Float64Array(theta.length)];
  const call = () => density.evaluate(theta, batch, value, gradient);
  for (let i = 0; i < 2; i++) await call();
  return async () => {
    const began = performance.now();
    for (let i = 0; i < row.repeats; i++) await call();
    return (performance.now() - began) / row.repeats;
  };
}

/** Floating-point operations of the products and convolutions of a graph. */
function operations(outputs: readonly g.Tensor[]): number {
  const size = (shape: g.Shape) => shape.reduce((product, n) => product * n, 1);
  const results = lowered(outputs, { runtime: 'cpu' });
  const shapes = new Map(results.map((tensor) => [tensor.node, tensor.shape]));
  const order = topological(...results.map(({ node }) => node));
  for (const { inputs } of order) for (const tensor of inputs) shapes.set(tensor.node, tensor.shape);
  return order.reduce((total, node) => {
    const [a, b] = node.inputs;
    const out = size(shapes.get(node) ?? []);
    if (node.op.name === 'matmul') {
      const inner = a.shape.at(node.attributes.transposeA ? -2 : -1)!;
      return total + 2 * out * inner;
    }
    if (node.op.name === 'conv') return total + 2 * out * size(b.shape.slice(1));
    return node.op.name === 'convTranspose' ? total + 2 * size(a.shape) * size(b.shape.slice(1)) : total;
  }, 0);
}

/** Rows and columns of the product that measures the processor. */
const SIDE = 1536;

/** Milliseconds of a matrix product. */
async function product(threads: number): Promise<() => Promise<number>> {
  const a = g.input('a', [SIDE, SIDE]);
  const outputs = { sum: g.reduceSum(g.matmul(a, a), [0, 1]) };
  const compiled = await compile({ inputs: { a }, outputs }, { threads });
  const feeds = { a: new Float32Array(SIDE ** 2).fill(0.5) };
  await compiled.run(feeds);
  return async () => {
    const began = performance.now();
    await compiled.run(feeds);
    return performance.now() - began;
  };
}

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1];
const { values: flags } = parseArgs({
  options: {
    rows: { type: 'string', default: Object.keys(ROWS).join(',') },
    rounds: { type: 'string', default: '7' },
    python: { type: 'string', default: 'python3' },
    serve: { type: 'boolean', default: false },
    memory: { type: 'string' },
    evaluations: { type: 'string', default: '20' },
    compile: { type: 'boolean', default: false },
    spread: { type: 'string', default: '1' },
  },
});

const spread = Number(flags.spread);
if (!(spread > 0 && spread < Number.POSITIVE_INFINITY)) {
  throw new Error(`--spread: expected a number above 0, got '${flags.spread}'. Leave it out for initial weights.`);
}

/** Before a row's name: its graph, without what a sampler keeps in float64. */
const ALONE = 'alone-';

/** A process that answers `row threads` with the milliseconds of one evaluation. */
class Server {
  readonly #child: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'], env: { ...process.env, ...env } });
    this.#answers = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  async ask(row: string, threads: number): Promise<number> {
    this.#child.stdin!.write(`${row} ${threads}\n`);
    const { value } = await this.#answers.next();
    const { ms = Number.NaN, error } = JSON.parse(value ?? '{"error":"the process ended"}') as {
      ms?: number;
      error?: string;
    };
    if (error) console.error(`${row}, ${threads} threads: ${error}`);
    return ms;
  }

  end(): void {
    this.#child.kill();
  }
}

async function serve(): Promise<void> {
  const known = new Map<string, () => Promise<number>>();
  for await (const line of createInterface({ input: process.stdin })) {
    const [row, threads] = line.split(' ');
    const make = () => {
      if (row === 'product') return product(Number(threads));
      return row.startsWith(ALONE) ? gradientAlone(row.slice(ALONE.length)) : measurer(ROWS[row](), Number(threads));
    };
    const measure = known.get(line) ?? (await make());
    known.set(line, measure);
    console.log(JSON.stringify({ row, ms: await measure() }));
  }
}

/** A network's value and gradient in float32 alone, without the float64 positions and gradients of a sampler. */
async function bareCall(row: Row): Promise<() => Promise<unknown>> {
  const { graph } = graphOf(row);
  const compiled = await compile(graph, { threads: 1 });
  const weights = ([name, tensor]: [string, g.Tensor]) => {
    const all = room(tensor);
    for (let i = 0; i < all.length; i++) all[i] = 0.05 * Math.sin(i);
    return [name, all];
  };
  const feeds = { ...Object.fromEntries(Object.entries(graph.inputs).map(weights)), ...batchOf(row) };
  const into = Object.fromEntries(Object.entries(graph.outputs).map(([name, tensor]) => [name, room(tensor)]));
  return () => compiled.run(feeds, into);
}

async function gradientAlone(row: string): Promise<() => Promise<number>> {
  const chosen = ROWS[row]();
  const call = await bareCall(chosen);
  await call();
  return async () => {
    const began = performance.now();
    for (let i = 0; i < chosen.repeats; i++) await call();
    return (performance.now() - began) / chosen.repeats;
  };
}

/** MiB that a row takes beyond the process that holds nothing: at its peak, and along the way. */
async function memory(row: string): Promise<void> {
  await compile({ inputs: {}, outputs: { one: g.filled(1, [], 'float32') } });
  const before = process.resourceUsage().maxRSS;
  const call = await bareCall(ROWS[row]());
  const evaluations = Number(flags.evaluations);
  const along: number[] = [];
  for (let i = 0; i < evaluations; i++) {
    await call();
    if ((i + 1) % Math.ceil(evaluations / 10) === 0) along.push(Math.round(process.memoryUsage().rss / 2 ** 20));
  }
  const peak = process.resourceUsage().maxRSS;
  console.log(JSON.stringify({ peakMiB: (peak - before) / 1024, alongMiB: along }));
}

/** Lets glibc keep freed memory: a PyTorch on a tuned allocator. */
const KEEPING = { MALLOC_MMAP_MAX_: '0', MALLOC_TRIM_THRESHOLD_: '100000000000' };

async function compare(): Promise<void> {
  const self = [join(import.meta.dirname, '..', 'node_modules/tsx/dist/cli.mjs'), import.meta.filename];
  const script = join(import.meta.dirname, 'throughput.py');
  const probe = spawnSync(flags.python, ['-c', 'import torch; print(torch.__version__)'], { encoding: 'utf8' });
  const torch = probe.status === 0 ? probe.stdout.trim() : undefined;
  console.log(
    torch
      ? `PyTorch ${torch}, ${flags.compile ? 'the faster of eager and compiled' : 'eager'}`
      : `no torch in ${flags.python}: ours alone (pip install torch, or --python PATH)`,
  );
  const rounds = Number(flags.rounds);
  for (const name of flags.rows.split(',')) {
    const { graph } = graphOf(ROWS[name]());
    const flops = operations(Object.values(graph.outputs)) / 1e6;
    const blocks = await blockSize();
    const nodes = g.buildOnnx(graph.inputs, graph.outputs, { ...(blocks && { blocks }) }).graph.node.length;
    const ours = [0, 1].map(() => new Server(process.execPath, [...self, '--serve', '--spread', flags.spread]));
    const serving = [script, '--serve', '--spread', flags.spread, ...(flags.compile ? ['--compile'] : [])];
    const theirs = torch ? [0, 1].map(() => new Server(flags.python, serving, KEEPING)) : [];
    const times: Record<string, number[]> = {};
    const note = (key: string, ms: number) => {
      times[key] = [...(times[key] ?? []), ms];
    };
    for (let round = -1; round < rounds; round++) {
      const once = await ours[0].ask('product', 1);
      const alone = await ours[0].ask(`${ALONE}${name}`, 1);
      if (round >= 0) note('product', once);
      if (round >= 0) note('alone', alone);
      for (const [who, servers] of [
        ['smile', ours],
        ['torch', theirs],
      ] as const) {
        if (servers.length === 0) continue;
        const one = await servers[0].ask(name, 1);
        const two = await servers[0].ask(name, 2);
        const both = Math.max(...(await Promise.all(servers.map((server) => server.ask(name, 1)))));
        if (round < 0) continue;
        note(`${who} 1`, one);
        note(`${who} 2`, two);
        note(`${who} both`, both / 2);
      }
    }
    for (const server of [...ours, ...theirs]) server.end();
    const held = spawnSync(process.execPath, [...self, '--memory', name], { encoding: 'utf8' });
    const heldThere =
      torch &&
      spawnSync(flags.python, [script, '--threads', '1', '--rows', name, '--rounds', '1'], { encoding: 'utf8' });
    const mib = (run: typeof held | undefined | '') =>
      run ? (JSON.parse(run.stdout.trim().split('\n').at(-1) || '{}') as { peakMiB?: number }).peakMiB : undefined;
    const of = (key: string) => (times[key] ? median(times[key]) : Number.NaN);
    const columns = ['1', '2', 'both'].map((kind) => {
      const [a, b] = [of(`smile ${kind}`), of(`torch ${kind}`)];
      return `${kind === 'both' ? 'two processes, each' : `${kind} thread${kind === '2' ? 's' : ''}`} ${a.toPrecision(3)} / ${b.toPrecision(3)} ms (× ${(b / a).toFixed(2)})`;
    });
    const rate = (2 * SIDE ** 3) / of('product') / 1e6;
    const share = (key: string) => ((flops / of(key) / rate) * 100).toFixed(0);
    console.log(
      `${name.padEnd(9)} ${columns.join(', ')}; ${(flops / 1000).toPrecision(3)} GFLOP, ${share('smile 1')} % of a product's ${rate.toFixed(0)} GFLOP/s, ` +
        `${share('alone')} % without the sampler's float64; ` +
        `peak ${mib(held)?.toFixed(0)} / ${mib(heldThere)?.toFixed(0) ?? '–'} MiB; ${nodes} nodes`,
    );
  }
}

if (flags.serve) await serve();
else if (flags.memory) await memory(flags.memory);
else await compare();
