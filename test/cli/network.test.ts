/** A network that comes as ONNX, as users bring it: the built command in a process of its own. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { normals } from '../../src/math/random.ts';
import { built } from '../built.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-network-'));
const smile = (...args: string[]) =>
  spawnSync(process.execPath, [built('cli.js'), ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
const FIXTURES = resolve('test/fixtures/onnx');
const quick = ['--warmup', '400', '--steps', '400', '--chains', '2', '--thin', '4', '--workers', '1'];

/** Rows of `width` normals and a last column made of them. */
function table(name: string, width: number, last: (row: readonly number[]) => string): void {
  const values = new Float64Array(200 * width);
  normals([3, width], values);
  const rows = Array.from({ length: 200 }, (_, i) => [...values.subarray(i * width, (i + 1) * width)]);
  const header = [...rows[0].map((_, k) => `f${k}`), 'y'].join(',');
  writeFileSync(join(folder, name), [header, ...rows.map((row) => [...row, last(row)].join(','))].join('\n'));
}

beforeAll(() => {
  for (const name of ['mlp.onnx', 'mlp-dynamo.onnx', 'mlp-dynamo.onnx.data', 'cnn.onnx']) {
    copyFileSync(join(FIXTURES, name), join(folder, name));
  }
  table('five.csv', 5, (row) => String(1000 + 300 * row[0] - 200 * row[1]));
  table('pixels.csv', 64, (row) => (row[0] > 0.4 ? 'c' : row[1] > 0 ? 'b' : 'a'));
});

describe('smile inspect', () => {
  it('shows what a network is made of', () => {
    const { stdout, status } = smile('inspect', 'cnn.onnx');
    expect(status).toBe(0);
    expect(stdout).toContain('cnn.onnx: opset 17, made by pytorch');
    expect(stdout).toContain('rows of [1, 8, 8] to 3 outputs; Softmax at the end: left off for classes');
    expect(stdout).toContain('tried on made-up rows: compiles and has gradients for 3 classes');
    expect(stdout).toMatch(/last\.weight +96 +\[3, 32\] +last layer/);
    expect(stdout).toContain('--parameters all: 435 numbers in 6 tensors; last: 99 in 2');
    const { tensors } = JSON.parse(smile('inspect', 'cnn.onnx', '--json').stdout);
    expect(tensors.find(({ name }: { name: string }) => name === 'last.bias')).toEqual({
      name: 'last.bias',
      shape: [3],
      numbers: 3,
      learned: true,
      lastLayer: true,
    });
  });

  it.each([
    ['none.onnx', 'none.onnx: expected a file, got ENOENT'],
    ['words.onnx', 'words.onnx: expected an ONNX model, got'],
  ])('%s is an error', (file, message) => {
    writeFileSync(join(folder, 'words.onnx'), 'these are words');
    const { stderr, status } = smile('inspect', file);
    expect([stderr, status]).toEqual([expect.stringContaining(message), 1]);
  });
});

describe('smile fit --model', () => {
  it('samples all of a network for a real target, in its units, and predicts without the file', () => {
    const { stderr, stdout, status } = smile('fit', 'five.csv', '--model', 'mlp-dynamo.onnx', ...quick, '--out', 'run');
    expect(status, stderr).not.toBe(1);
    expect(stderr).toContain('mlp-dynamo.onnx (6 of 6 tensors), gaussian likelihood, 242 parameters, 2 chains');
    expect(stderr).not.toContain('warm start');
    expect(stderr).toContain('may have been trained on rows that are validation and test rows here');
    expect(stdout).toMatch(/psmile \(sound\) +test +200 /);
    expect(stdout).toMatch(
      /Is the table what it seems\?[\s\S]*note: .*may have been trained on rows that are validation/,
    );
    // The file's network knows nothing of thousands: the sampled one has begun to learn them.
    const rmse = (line: RegExp) => Number(line.exec(stdout)?.[1]);
    expect(rmse(/psmile \(sound\) +test +200 +([\d.]+)/)).toBeLessThan(rmse(/deep ensemble +test +2 +([\d.]+)/));
    writeFileSync(join(folder, 'mlp-dynamo.onnx'), 'gone');
    const predicted = smile('predict', 'run', 'five.csv');
    expect(predicted.status).toBe(0);
    expect(predicted.stdout.trim().split('\n').length).toBe(201);
    const network = join(folder, 'run', 'network.onnx');
    writeFileSync(network, readFileSync(network).subarray(1));
    expect(smile('predict', 'run', 'five.csv').stderr).toContain('expected the network that the run began with');
  });

  it('samples the last layer of a classifier of images', () => {
    const run = smile('fit', 'pixels.csv', '--model', 'cnn.onnx', '--parameters', 'last', ...quick, '--out', 'classes');
    expect(run.status, run.stderr).not.toBe(1);
    expect(run.stderr).toContain('cnn.onnx (2 of 6 tensors), softmax likelihood, 99 parameters');
    expect(run.stdout).toMatch(/psmile \(sound\) +test +200 /);
  });

  it('trains further where it is asked to', () => {
    const run = smile('fit', 'five.csv', '--model', 'mlp.onnx', '--epochs', '3', ...quick, '--out', 'trained');
    expect(run.stderr).toContain('warm start');
  });

  it.each([
    [['pixels.csv', '--model', 'mlp.onnx'], 'model.network: expected 5 features, as mlp.onnx takes, got 64'],
    [['five.csv', '--model', 'mlp.onnx', '--parameters', 'nine'], 'mlp.onnx: expected names of its tensors'],
    [
      ['five.csv', '--model', 'mlp.onnx', '--categorical', 'f1', '--keep', 'f1'],
      "column 'f1': expected numbers, since features go into",
    ],
    [
      ['pixels.csv', '--model', 'cnn.onnx', '-t', 'f0', '--exclude', 'y'],
      'model.network: expected 64 features, as cnn.onnx takes, got 63',
    ],
    [['five.csv', '--model', 'absent.onnx'], 'absent.onnx: expected a file'],
  ])('%j is an error, and writes nothing', (args, message) => {
    const { stderr, status } = smile('fit', ...args, '--out', 'never');
    expect([stderr, status]).toEqual([expect.stringContaining(message), 1]);
    expect(smile('status', 'never').status).toBe(1);
  });
});
