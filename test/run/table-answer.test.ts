/** Is the table what it seems? Planted leaks, identifiers, copies and too few rows are found; honest tables pass. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tableFacts } from '../../src/answers/verdict/rows.ts';
import { TABLE } from '../../src/answers/verdict/table.ts';
import { type Answer, answerOf } from '../../src/answers/verdict/types.ts';
import { prepareRun } from '../../src/control/fit.ts';
import { normals } from '../../src/math/random.ts';
import { loadData, loadRun } from '../../src/spec/loaded-run.ts';

type Row = Record<string, number | string | null>;

const folder = mkdtempSync(join(tmpdir(), 'smile-table-'));
let runs = 0;
const random = (k: number, n: number) => {
  const out = new Float64Array(n);
  normals([k, 17], out);
  return [...out];
};

/** Rows of two features, a category and targets that depend on them; `more` adds columns or changes them. */
function table(n: number, more: (row: Row, i: number) => Row = (row) => row): Row[] {
  const [a, b, noise] = [random(1, n), random(2, n), random(3, n)];
  return a.map((x, i) => {
    const y = x + Math.sin(2 * b[i]) + 0.3 * noise[i];
    const row: Row = { a: x, b: b[i], kind: ['u', 'v', 'w'][i % 3], alive: noise[i] + x > 0 ? 'yes' : 'no', y };
    return more(row, i);
  });
}

/** What `evaluate` would say of the table of a run on these rows. */
async function answer(rows: Row[], target = 'y', task: 'auto' | 'classification' = 'auto'): Promise<Answer> {
  const out = join(folder, String(runs++));
  const exclude = target === 'y' ? ['alive'] : ['y'];
  const config = { data: { target, exclude, task }, model: { hidden: [8] }, chains: 1 };
  await prepareRun({ data: rows, out, config, workers: 0 });
  const run = loadRun(out);
  return answerOf(TABLE, tableFacts(run, loadData(run)));
}
const checks = ({ findings }: Answer) => findings.map(({ check, turns }) => [check, turns]);

describe('the table', () => {
  it('is what it seems: both tasks, gaps, discrete features', async () => {
    expect(await answer(table(300))).toEqual({ answer: 'yes', findings: [] });
    expect(
      await answer(
        table(300, (row, i) => (i % 7 === 0 ? { ...row, a: null } : row)),
        'alive',
      ),
    ).toEqual({
      answer: 'yes',
      findings: [],
    });
    const discrete = table(300, (row) => ({ ...row, a: Math.round(Number(row.a)), b: Math.round(Number(row.b)) }));
    expect((await answer(discrete, 'alive')).answer).toBe('yes');
  });

  it('says that the numbers of a target were taken for classes, unless it was told so', async () => {
    const counts = table(300, (row, i) => ({ ...row, y: [0, 0, 0, 1, 1, 2][i % 6] }));
    const { answer: reply, findings } = await answer(counts);
    expect([reply, findings.map(({ check }) => check)]).toEqual(['yes', ['integer classes']]);
    expect(findings[0].message).toContain("each number of 'y', 0 to 2, is a class of its own");
    expect((await answer(counts, 'y', 'classification')).findings).toEqual([]);
    const words = table(300, (row, i) => ({ ...row, y: ['0', '007', 'b'][Math.floor(i / 3) % 3] }));
    expect((await answer(words)).findings).toEqual([]);
  });

  const copies: [string, (y: number) => number | string][] = [
    ['a copy', (y) => y],
    ['a monotone function', (y) => Math.exp(y)],
    ['a scaled copy with a little noise', (y) => 3 - 7 * (y + 0.001 * Math.sin(1e4 * y))],
    ['bins so fine that they tell it', (y) => Math.round(40 * y)],
  ];
  it.each(copies)('%s of the target is a leak', async (_name, leak) => {
    const found = await answer(table(300, (row) => ({ ...row, leak: leak(Number(row.y)) })));
    expect(found.answer).toBe('no');
    expect(found.findings[0]).toMatchObject({
      check: 'leak',
      turns: true,
      cure: expect.stringContaining('--exclude leak'),
    });
    expect(checks(found).length).toBe(1);
  });

  it('a class by another name, or told by a number, is a leak; missing only where the target is one class too', async () => {
    for (const leak of [
      (row: Row) => (row.alive === 'yes' ? 'A' : 'B'),
      (row: Row, i: number) => (row.alive === 'yes' ? 5 : -5) + Math.sin(i),
      (row: Row, i: number) => (row.alive === 'yes' ? null : Math.cos(i)),
    ]) {
      const found = await answer(
        table(300, (row, i) => ({ ...row, leak: leak(row, i) })),
        'alive',
      );
      expect(checks(found)).toEqual([['leak', true]]);
    }
  });

  it('a strong honest feature is none, and neither is the only one', async () => {
    const strong = table(300, (row, i) => ({ ...row, strong: Number(row.y) + 0.3 * Math.sin(99 * i) }));
    expect((await answer(strong)).answer).toBe('yes');
    const only = table(300).map(({ y }) => ({ x: Number(y), y: 2 * Number(y), alive: 'yes' }));
    expect((await answer(only)).answer).toBe('yes');
  });

  it('an identifier is found, a dense count is none', async () => {
    expect(checks(await answer(table(300, (row, i) => ({ ...row, house: i + 1 }))))).toEqual([['identifier', true]]);
    expect((await answer(table(300, (row, i) => ({ ...row, count: (i * i) % 50 })))).answer).toBe('yes');
  });

  it('copies across splits are counted', async () => {
    const rows = table(200);
    const found = await answer([...rows, ...rows.slice(0, 100)]);
    expect(checks(found)).toEqual([['duplicates', true]]);
    expect(found.findings[0].message).toMatch(/of 90 held-out rows \(.* %\) are copies of training rows/);
    expect(checks(await answer([...rows, ...rows, ...rows]))).toEqual([['duplicates', true]]);
  });

  it('few rows for many parameters are too few to tell', async () => {
    const found = await answer(
      table(33, (row) =>
        Object.assign(row, Object.fromEntries(random(9, 90).map((v, j) => [`x${j}`, v + Number(row.a)]))),
      ),
    );
    expect(found.answer).toBe('too few rows to tell');
    expect(checks(found)).toContainEqual(['rows', false]);
  });
});
