/** Images and texts from a file to predictions: rows in their own type, scores of every token once, runs that survive a stop. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { drawsOf } from '../../bench/draws.ts';
import { evaluate } from '../../src/answers/evaluate.ts';
import { generate } from '../../src/answers/generate.ts';
import { outOfDistribution } from '../../src/answers/ood.ts';
import { predict } from '../../src/answers/predict.ts';
import { type FitOptions, fit, prepareRun } from '../../src/control/fit.ts';
import { plan } from '../../src/control/plan.ts';
import { runChains } from '../../src/control/pool.ts';
import { resume } from '../../src/control/resume.ts';
import type { ImageRows } from '../../src/data/image/rows.ts';
import type { TextRows } from '../../src/data/text/rows.ts';
import { uniforms } from '../../src/math/random.ts';
import { loadData, loadRun, readEncoded } from '../../src/spec/loaded-run.ts';
import { withRun } from '../../src/spec/opened-run.ts';
import type { FitEvent } from '../../src/spec/records.ts';
import { readTensors } from '../../src/store/safetensors.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-networks-'));
const at = (name: string) => join(folder, name);

/** IDX files of 12 × 12 pixels: a bright half says the class, left, right or below. */
function writeImages(name: string, count: number, shade: number): string {
  const chance = new Float64Array(count * 144);
  uniforms([count, shade], chance);
  const labels = Uint8Array.from({ length: count }, (_, k) => k % 3);
  const pixels = Uint8Array.from(chance, (u, i) => {
    const [row, column] = [Math.floor((i % 144) / 12), i % 12];
    const bright = [column < 6, column >= 6, row >= 6][labels[Math.floor(i / 144)]];
    return Math.floor(u * 60) + (bright ? shade : 0);
  });
  const header = (magic: number, sizes: number[]) => {
    const bytes = Buffer.alloc(4 + 4 * sizes.length);
    bytes.writeUInt32BE(magic);
    for (const [i, size] of sizes.entries()) bytes.writeUInt32BE(size, 4 + 4 * i);
    return bytes;
  };
  const path = at(`${name}-images-idx3-ubyte.gz`);
  writeFileSync(path, gzipSync(Buffer.concat([header(2051, [count, 12, 12]), pixels])));
  const labelled = Buffer.concat([header(2049, [count]), labels]);
  writeFileSync(at(`${name}-labels-idx1-ubyte.gz`), gzipSync(labelled));
  return path;
}

const images = writeImages('train', 240, 120);
const text = at('text.txt');
writeFileSync(text, 'to be or not to be, that is the question. '.repeat(60));
const common = {
  warmStart: { epochs: 3, batchSize: 16, learningRate: 0.003 },
  sampler: { stepSize: 0.001, batchSize: 16, warmup: 4, steps: 8, thin: 2 },
  compute: { threads: 1 as const },
  repair: { share: 0 },
  chains: 2,
  seed: 3,
};
const small = { name: 'gpt' as const, context: 8, width: 8, depth: 1, heads: 2 };
const options: Readonly<Record<'images' | 'text', Omit<FitOptions, 'out'>>> = {
  images: { data: images, config: { ...common, warmStart: { ...common.warmStart, augment: true } }, workers: 0 },
  text: { data: text, config: { ...common, model: small }, workers: 0 },
};

const whole = { images: {}, text: {} };
beforeAll(async () => {
  for (const kind of ['images', 'text'] as const) {
    await fit({ ...options[kind], out: at(kind) });
    whole[kind] = drawsOf(at(kind));
  }
});

describe.each(['images', 'text'] as const)('a fit of %s', (kind) => {
  it('is the same from within an epoch of its warm start on, and with other workers', async () => {
    const out = at(`${kind}-stopped`);
    const stop = new AbortController();
    const onEvent = (event: FitEvent) => {
      if (event.type === 'progress' && event.block.phase === 'warm start') stop.abort();
    };
    await fit({ ...options[kind], out, onEvent, signal: stop.signal });
    await resume(out, { workers: 2 });
    expect(drawsOf(out)).toEqual(whole[kind]);
  });

  it('is read into memory once: its workers read no file', async () => {
    const out = at(`${kind}-read-once`);
    await prepareRun({ ...options[kind], out });
    const running = runChains(out, [0, 1], { workers: 2, onProgress: () => {} });
    rmSync(join(out, 'data.safetensors'));
    await running;
    expect(drawsOf(out)).toEqual(whole[kind]);
  });

  it('is planned', async () => {
    const { parameters, likelihood } = await plan(options[kind]);
    expect([parameters, likelihood]).toEqual([loadRun(at(kind)).network.dim, 'softmax']);
  });
});

it('hands threads the memory that its file was read into', () => {
  const [pixels, tokens] = (['images', 'text'] as const).map((kind) => readEncoded(at(kind)));
  expect(pixels.tensors.x.data.buffer).toBeInstanceOf(SharedArrayBuffer);
  const { train } = loadData(loadRun(at('images')), pixels);
  expect((train as ImageRows).split.set.pixels).toBe(pixels.tensors.x.data);
  const { test } = loadData(loadRun(at('text')), tokens);
  expect((test as TextRows).tokens.buffer).toBe(tokens.tensors.x.data.buffer);
});

describe('a run of images', () => {
  it('keeps pixels as bytes, and gives them back', () => {
    const { tensors } = readTensors(join(at('images'), 'data.safetensors'));
    expect(tensors.x.data).toBeInstanceOf(Uint8Array);
    const { train, valid, test } = loadData(loadRun(at('images'))) as Record<string, Partial<ImageRows>> as Record<
      'train' | 'valid' | 'test',
      ImageRows
    >;
    expect([train.count, valid.count, test.count]).toEqual([168, 24, 48]);
    const x = new Float32Array(144);
    test.asked().gather(5, 6, x);
    const { shift, scale, index, set } = test.split;
    const pixels = set.pixels.subarray(index[5] * 144, (index[5] + 1) * 144);
    expect([...x]).toEqual(Array.from(pixels, (v) => Math.fround((v - shift[0]) * scale[0])));
  });

  it('predicts new ones with both entropies, and tells strangers apart by rank', async () => {
    const { rows } = await predict({ run: at('images'), data: writeImages('new', 9, 120), quantiles: [] });
    expect(rows.length).toBe(9);
    for (const row of rows as Readonly<Record<string, number>>[]) {
      expect(row['p(0)'] + row['p(1)'] + row['p(2)']).toBeCloseTo(1, 6);
      const ps = [0, 1, 2].map((k) => row[`p(${k})`]);
      const entropy = -ps.reduce((sum, p) => sum + p * Math.log(p), 0);
      expect(row.aleatoric + row.epistemic).toBeCloseTo(entropy, 6);
    }
    const strange = writeImages('strange', 30, 0);
    const found = await withRun(at('images'), (run) => outOfDistribution(run, strange));
    expect([found.testRows, found.rows]).toEqual([48, 30]);
  });

  it('refuses what it cannot do by name', async () => {
    const asked = { run: at('images'), data: images };
    await expect(predict({ ...asked, ids: ['x'] })).rejects.toThrow('expected no columns, since the data are no table');
    await expect(predict({ ...asked, conformal: 0.8, conformalGroup: 'x' })).rejects.toThrow(
      'since the data are no table',
    );
    await expect(predict({ run: at('images'), data: text })).rejects.toThrow('expected images');
    const gpt = { ...options.images, out: at('none'), config: { model: { name: 'gpt' as const } } };
    await expect(prepareRun(gpt)).rejects.toThrow(
      'model.name: expected mlp, lenet, resnet7, resnet18, vit for images, got gpt',
    );
  });
});

describe('a run of a text', () => {
  it('scores every token of the held-out text once, after the tokens before it in its window', async () => {
    const { deepEnsemble } = await evaluate(at('text'));
    await withRun(at('text'), async (run) => {
      const { tokens } = run.data.test as TextRows;
      expect(deepEnsemble.test.rows).toBe(tokens.length - 1);
      const [first] = await run.deepEnsemble();
      // Each token alone: a window that ends with it, of those before it in its own window.
      const sums: number[] = [];
      for (let target = 1; target < tokens.length; target++) {
        const begin = Math.floor((target - 1) / 8) * 8;
        const seen = [...tokens.subarray(begin, target)];
        const asked = {
          ...{ count: 1, y: Float64Array.of(tokens[target]), rows: 1, places: 8 },
          at: () => ({ first: 1 - seen.length, skip: seen.length - 1 }),
          gather: (_from: number, _to: number, x: Float32Array) => x.set(seen),
        };
        for await (const member of run.predict(asked, [first])) sums.push(member.densities(asked.y)[0]);
      }
      const all = run.data.test.asked();
      for await (const member of run.predict(all, [first])) {
        const densities = [...member.densities(all.y)];
        // The last window begins earlier, so that its tokens have more before them.
        const end = Math.floor((tokens.length - 1) / 8) * 8;
        sums.slice(0, end).forEach((sum, i) => {
          expect(densities[i]).toBeCloseTo(sum, 5);
        });
      }
    });
    expect(deepEnsemble.test.perplexity).toBeCloseTo(Math.exp(-deepEnsemble.test.lppd), 10);
  });

  it('predicts each token of a new text, and refuses other characters', async () => {
    const path = at('new.txt');
    writeFileSync(path, 'not to be or to be, is that the question?'.replace('?', '.'));
    const { rows, perplexity } = await predict({ run: at('text'), data: path });
    expect(rows.map(({ token }) => token).join('')).toBe(readFileSync(path, 'utf8').slice(1));
    const mean = rows.reduce((sum, { logProbability }) => sum + Number(logProbability), 0) / rows.length;
    expect(perplexity).toBeCloseTo(Math.exp(-mean), 10);
    writeFileSync(path, 'zzz zzz zzz zzz zzz zzz');
    await expect(predict({ run: at('text'), data: path })).rejects.toThrow('"z"');
    await expect(predict({ run: at('text'), data: text, conformal: 0.9 })).rejects.toThrow('got one of a text');
  });

  it('goes on from a prompt, the same by seed, with what the prediction of the prompt says', async () => {
    const asked = { run: at('text'), prompt: 'to be or', count: 6 };
    const [a, b, other] = [await generate(asked), await generate(asked), await generate({ ...asked, seed: 8 })];
    expect(a).toEqual(b);
    expect([a.text.slice(0, 8), [...a.text].length, a.tokens.length]).toEqual(['to be or', 14, 6]);
    expect(other.text).not.toBe(a.text);
    const path = at('prompt.txt');
    const first = a.tokens[0];
    // The prompt and its first drawn token, with what follows cut off by the window.
    writeFileSync(path, `${asked.prompt}${first.token}${'to be or'}`.slice(0, 17));
    const { rows } = await predict({ run: at('text'), data: path });
    expect(rows[7].token).toBe(first.token);
    expect(rows[7].logProbability).toBeCloseTo(first.logProbability, 10);
    expect(rows[7].epistemic).toBeCloseTo(first.epistemic, 10);
    await expect(generate({ ...asked, prompt: '' })).rejects.toThrow('expected at least a token');
    await expect(generate({ ...asked, run: at('images') })).rejects.toThrow('expected a run of a text');
  });
});
