/** Validation and test rows from files of their own: what is read, what is refused, what is said. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type FitOptions, prepareRun } from '../../src/control/fit.ts';
import type { FitConfig } from '../../src/spec/spec.ts';
import { loadTable, tableData } from '../table-run.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-held-out-'));
const file = (name: string, lines: readonly string[]) => {
  writeFileSync(join(folder, name), `${lines.join('\n')}\n`);
  return join(folder, name);
};
const line = (i: number) => `${i},${(i * i) % 7},${(3 * i) % 11}.5`;
const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => line(from + i));
const data = file('data.csv', ['a,b,y', ...lines(0, 100)]);
const valid = file('valid.csv', ['a,b,y', ...lines(200, 220)]);
// Columns in another order, and one that the model does not use.
const test = file('test.csv', ['y,id,b,a', ...Array.from({ length: 30 }, (_, i) => `${i},7,${i % 5},${300 + i}`)]);

let runs = 0;
async function prepared(options: Partial<FitOptions>, config: FitConfig = {}) {
  const out = join(folder, `run-${runs++}`);
  const notes: string[] = [];
  const onEvent: FitOptions['onEvent'] = (event) => event.type === 'note' && notes.push(event.message);
  await prepareRun({
    data,
    out,
    workers: 0,
    config: { chains: 2, compute: { threads: 1 }, ...config },
    ...options,
    onEvent,
  });
  const run = loadTable(out);
  const rows = tableData(run);
  const { target, columns } = run.preprocessing;
  const raw = (name: 'train' | 'valid' | 'test', column: number) => {
    const { mean, sd } = columns[column] as { mean: number; sd: number };
    return Array.from(rows[name].y, (_, i) => Math.round(rows[name].x[i * columns.length + column] * sd + mean) + 0);
  };
  const sizes = [rows.train.y.length, rows.valid.y.length, rows.test.y.length];
  return { run, rows, sizes, raw, target, notes: notes.join('\n') };
}

describe('rows of one’s own', () => {
  it('are validation and test rows, encoded as the training rows taught; all of the table is training rows', async () => {
    const { sizes, raw, notes, run, rows, target } = await prepared({}, { data: { validFile: valid, testFile: test } });
    expect(sizes).toEqual([100, 20, 30]);
    expect(notes).toContain('2 inputs; rows: 100 train, 20 valid, 30 test');
    expect(raw('train', 0).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(raw('valid', 0)).toEqual(Array.from({ length: 20 }, (_, i) => 200 + i));
    expect(raw('test', 0)).toEqual(Array.from({ length: 30 }, (_, i) => 300 + i));
    const { mean, sd } = target as { mean: number; sd: number };
    expect(rows.test.y[3] * sd + mean).toBeCloseTo(3, 10);
    expect(run.spec.data).toMatchObject({ validFile: valid, testFile: test });
    expect(run.preprocessing.columns[0]).toMatchObject({ mean: 49.5 });
    expect(notes).toContain('test: columns the model does not use were ignored: id');
    expect(notes).not.toContain('training rows too');
  });

  it('leave the other part to a fraction of the table, and fractions are as ever without them', async () => {
    expect((await prepared({ test })).sizes).toEqual([90, 10, 30]);
    expect((await prepared({ valid })).sizes).toEqual([80, 20, 20]);
    expect((await prepared({})).sizes).toEqual([70, 10, 20]);
  });

  it('come as objects too, and the run names them', async () => {
    const own = Array.from({ length: 12 }, (_, i) => ({ a: i + 0.5, b: 1, y: i }));
    const { sizes, run } = await prepared({ test: own });
    expect(sizes).toEqual([90, 10, 12]);
    expect(run.spec.data.testFile).toBe('rows');
  });

  it('without a target are left out and counted', async () => {
    const gaps = file('gaps.csv', ['a,b,y', '1,2,', '2,3,4', '3,3,NA', '4,4,5']);
    const { sizes, notes } = await prepared({ test: gaps });
    expect(sizes[2]).toBe(2);
    expect(notes).toContain(`test: 2 rows of ${gaps} without a target were left out`);
  });

  it('that are training rows too are counted aloud', async () => {
    const some = file('some.csv', ['a,b,y', ...lines(0, 5), ...lines(400, 403), '1,1,99']);
    const { notes } = await prepared({ test: some, valid });
    expect(notes).toContain(`test: 5 of the 9 rows of ${some} are training rows too (equal features and target)`);
    expect(notes).not.toContain('valid: ');
  });

  it.each([
    ['a missing column', ['a,y', '1,2', '2,3'], "expected a column 'b', got a, y"],
    ['a missing target', ['a,b', '1,2', '2,3'], "expected a column 'y', got a, b"],
    ['words for numbers', ['a,b,y', '1,red,3', '2,blue,4'], "column 'b': expected a number as in training, got 'red'"],
    ['no target anywhere', ['a,b,y', '1,2,', '2,3,NA'], "expected rows with a target 'y', got none"],
  ])('with %s are an error', async (_what, rows, message) => {
    await expect(prepared({ test: file('wrong.csv', rows) })).rejects.toThrow(message);
    await expect(prepared({}, { data: { validFile: file('wrong.csv', rows) } })).rejects.toThrow(message);
  });

  it('with another class, or a file that is not there, are an error', async () => {
    const classes = file('classes.csv', ['a,c', ...lines(0, 60).map((_, i) => `${i},${i % 3 ? 'x' : 'z'}`)]);
    const other = file('other.csv', ['a,c', '1,x', '2,w']);
    await expect(prepared({ data: classes, test: other })).rejects.toThrow(
      "other.csv:3: target 'c': expected one of x, z, got 'w'",
    );
    await expect(prepared({ test: join(folder, 'none.csv') })).rejects.toThrow(
      'none.csv: expected a readable data file',
    );
  });
});
