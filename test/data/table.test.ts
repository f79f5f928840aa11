import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { demoCsv } from '../../src/data/demo.ts';
import { splitRows } from '../../src/data/split.ts';
import { allTexts } from '../../src/data/table/cells.ts';
import { tableFromRows } from '../../src/data/table/columns.ts';
import { encode } from '../../src/data/table/encode.ts';
import { learnPreprocessing, type Preprocessing } from '../../src/data/table/preprocess.ts';
import { readSchema, type SchemaOptions } from '../../src/data/table/schema.ts';
import { parseTable, readDelimited, type Table } from '../../src/data/table/table.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-data-'));
const file = (name: string, content: string | Uint8Array) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const options = (more: Partial<SchemaOptions> = {}): SchemaOptions => ({
  target: -1,
  task: 'auto',
  categorical: [],
  exclude: [],
  ...more,
});
const rowsOf = (n: number, row: (i: number) => string) => Array.from({ length: n }, (_, i) => row(i)).join('\n');
const learn = (table: Table, more: Partial<SchemaOptions> = {}, standardise: 'train' | 'all' = 'train') => {
  const schema = readSchema(table, options(more));
  const train = Int32Array.from(schema.rows.slice(0, Math.ceil(0.7 * schema.rows.length)));
  return { schema, train, ...learnPreprocessing(table, schema, train, standardise) };
};

describe('reading', () => {
  it.each([
    ['comma and header', 'a,b,y\n1,2,3\n4,5,6', ['a', 'b', 'y'], 2, true],
    ['semicolon', 'a;b;y\n1;2;3', ['a', 'b', 'y'], 1, true],
    ['tab', '1\t2\t3\n4\t5\t6', ['x1', 'x2', 'x3'], 2, false],
    ['runs of blanks', '  1   2 3\n4 5   6  \n', ['x1', 'x2', 'x3'], 2, false],
    ['comma and blank, no header', '39, State-gov, <=50K\n50, Private, >50K', ['x1', 'x2', 'x3'], 2, false],
    ['comments, blank lines, CRLF, BOM', '\uFEFF# made by\r\n|note\r\na,b\r\n\r\n1,2\r\n', ['a', 'b'], 1, true],
    ['quotes', '"a, long",b\n"1","2"', ['a, long', 'b'], 1, true],
    ['words only under a header', 'colour,shape\nred,square\nblue,round', ['colour', 'shape'], 2, true],
  ])('%s', (_name, text, names, rows, headed) => {
    const table = parseTable(text, 'f');
    expect([table.names, table.rows, table.headed]).toEqual([names, rows, headed]);
    expect(table.notes[0]).toContain(`${rows} rows, ${names.length} columns`);
  });

  it('reads gzip, obeys flags, keeps the line of every row', async () => {
    const path = file('a.csv.gz', gzipSync('# c\na,b\n1,2\n\n3,4\n'));
    const table = await readDelimited(path);
    expect([table.columns.map(allTexts), [...table.lines]]).toEqual([
      [
        ['1', '3'],
        ['2', '4'],
      ],
      [3, 5],
    ]);
    expect(parseTable('a,b\nc,d', 'f', { header: false }).rows).toBe(2);
    expect(parseTable('1;2\n3;4', 'f', { delimiter: ';', header: true }).names).toEqual(['1', '2']);
    expect(
      tableFromRows([
        { a: 1, b: null },
        { a: Number.NaN, b: 'x' },
      ]).columns.map(allTexts),
    ).toEqual([
      ['1', ''],
      ['', 'x'],
    ]);
  });

  it.each([
    [
      'no such file',
      async () => readDelimited(join(folder, 'none.csv')),
      'expected a readable data file, got no such file',
    ],
    ['a folder', async () => readDelimited(folder), 'got a folder'],
    ['empty', async () => readDelimited(file('e.csv', '')), 'e.csv: expected rows of data, got an empty file'],
    ['header only', async () => readDelimited(file('h.csv', 'a,b\n')), 'expected rows of data, got'],
    [
      'ragged',
      async () => readDelimited(file('r.csv', 'a,b\n1,2\n1,2,3\n')),
      'r.csv:3: expected 2 fields as in line 1, got 3',
    ],
    ['binary', async () => readDelimited(file('b.csv', Uint8Array.of(97, 0, 1, 2))), 'expected text, got binary data'],
    ['a name twice', async () => parseTable('a,a\n1,2', 'f'), "f:1: expected different column names, got 'a' twice"],
    ['no rows', async () => tableFromRows([]), 'expected rows of data, got none'],
  ])('refuses %s', async (_name, read, message) => {
    const error = await read().then(
      () => undefined,
      (e: Error) => e,
    );
    expect(error?.message).toContain(message);
  });
});

describe('schema', () => {
  it.each([
    ['numbers', rowsOf(50, (i) => `${i},${i * 1.5}`), 'regression', "regression: 'x2' has 50 distinct numbers"],
    [
      'few integers',
      rowsOf(50, (i) => `${i},${i % 3}`),
      'classification',
      "classification: 'x2' has 3 distinct numbers",
    ],
    [
      'words',
      rowsOf(50, (i) => `${i},${i % 2 ? 'yes' : 'no'}`),
      'classification',
      "classification: 'x2' has 2 distinct words",
    ],
    ['integers with too few rows each', rowsOf(12, (i) => `${i * 2},${i % 8}`), 'regression', 'regression:'],
  ])('recognises %s', (_name, text, task, note) => {
    const schema = readSchema(parseTable(text, 'f'), options());
    expect(schema.task).toBe(task);
    expect(schema.notes.join()).toContain(note);
  });

  const good = rowsOf(20, (i) => `${i % 7},${i}`);
  it.each([
    ['an unknown target', good, { target: 'price' }, "f: expected one of the columns x1, x2, got 'price'"],
    [
      'a constant target',
      rowsOf(20, (i) => `${i},5`),
      {},
      "target 'x2': expected different values, got 5 in every row",
    ],
    ['a missing target', rowsOf(20, (i) => `${i},NA`), {}, "target 'x2': expected values, got none: all are missing"],
    ['one row', '1,2', {}, 'expected different values'],
    ['few rows', rowsOf(5, (i) => `${i},${i}`), {}, 'expected at least 10 rows with a target, got 5'],
    ['infinity', `${good}\ninf,3`, {}, "f:21: column 'x1': expected a finite number, got 'inf'"],
    ['1e300', `${good}\n1e300,3`, {}, "f:21: column 'x1': expected a number of size at most 1e100, got 1e300"],
    [
      'a mistake',
      `${rowsOf(40, (i) => `${i},${i}`)}\nabc,3`,
      {},
      "f:41: column 'x1': expected a finite number, got 'abc'",
    ],
    [
      'words for regression',
      rowsOf(20, (i) => `${i},${i % 2 ? 'a' : 'b'}`),
      { task: 'regression' },
      'expected numbers for regression, got words',
    ],
    ['single classes', rowsOf(20, (i) => `${i},c${i}`), {}, 'expected repeated classes, got 20 in 20 rows'],
    ['an unknown column to exclude', good, { exclude: ['z'] }, "got 'z'"],
  ] as [string, string, Partial<SchemaOptions>, string][])('refuses %s', (_name, text, more, message) => {
    expect(() => readSchema(parseTable(text, 'f', { header: false }), options(more))).toThrow(message);
  });

  it('leaves out rows without a target and says so', () => {
    const schema = readSchema(parseTable(`${rowsOf(20, (i) => `${i},${i}`)}\n7,\n8,?`, 'f'), options());
    expect([schema.rows.length, schema.notes[0]]).toEqual([20, '2 rows without a target were left out']);
  });
});

describe('preprocessing', () => {
  const text = `num,cat,hole,y\n${rowsOf(40, (i) => `${i},${['red', 'blue', 'green'][i % 3]},${i % 4 ? i : ''},${2 * i + 1}`)}`;

  it('standardises by the training rows, imputes with a mask, codes categories', () => {
    const table = parseTable(text, 'f');
    const { preprocessing, train } = learn(table);
    expect(preprocessing.inputNames).toEqual(['num', 'cat=blue', 'cat=green', 'cat=red', 'hole', 'hole missing']);
    const { x, y, warnings } = encode(preprocessing, table, [...train], true);
    const column = (j: number) => Array.from(train, (_, i) => x[i * 6 + j]);
    for (const values of [column(0), [...y]]) {
      const mean = values.reduce((s, v) => s + v, 0) / values.length;
      const variance = values.reduce((s, v) => s + v * v, 0) / values.length;
      expect([Math.abs(mean) < 1e-6, Math.abs(variance - 1) < 1e-6]).toEqual([true, true]);
    }
    expect(column(5)).toEqual(Array.from(train, (i) => (i % 4 ? 0 : 1)));
    for (let i = 0; i < train.length; i++) expect(x[i * 6 + 1] + x[i * 6 + 2] + x[i * 6 + 3]).toBe(1);
    expect(warnings).toEqual([]);
    expect(JSON.parse(JSON.stringify(preprocessing))).toEqual(preprocessing);
  });

  it("the paper's way takes mean and deviation of all rows", () => {
    const { preprocessing } = learn(parseTable(text, 'f'), {}, 'all');
    expect(preprocessing.target).toMatchObject({ mean: 40 });
  });

  it('leaves out what cannot help, and says which', () => {
    const table = parseTable(`a,one,same,ids,y\n${rowsOf(200, (i) => `${i},k,3,id${i},${i * 0.5}`)}`, 'f');
    const { preprocessing, notes, schema } = learn(table);
    expect(preprocessing.inputNames).toEqual(['a']);
    expect(notes).toEqual([
      "column 'one' was left out: it has one category in the training rows, 'k'",
      "column 'same' was left out: it is 3 in all training rows",
    ]);
    expect(schema.notes).toContain(
      "column 'ids' was left out: every row has a category of its own; --keep 'ids' uses it",
    );
    expect(learn(table, { keep: ['ids'] }).notes.at(-1)).toBe(
      "column 'ids' was left out: it has 140 categories, more than 100; group them to use it",
    );
    const bare = parseTable(`one,y\n${rowsOf(20, (i) => `k,${i}`)}`, 'f');
    expect(() => learn(bare)).toThrow('expected a feature that varies, got none');
  });

  const replay = (pre: Preprocessing, csv: string, header = true) =>
    encode(pre, parseTable(csv, 'new', { header }), [0], false);

  it('replays on new data: other order, extra columns, new gaps, new categories', () => {
    const { preprocessing } = learn(parseTable(text, 'f'));
    const { x, warnings } = replay(preprocessing, 'extra,cat,hole,num\n1,purple,2,\n');
    expect([...x.subarray(1, 4)]).toEqual([0, 0, 0]);
    expect(warnings).toEqual([
      'columns the model does not use were ignored: extra',
      "column 'num': 1 missing values, none in training, were set to the median",
      "column 'cat': category 'purple' (1 rows) was not in training; no level is set",
    ]);
    expect(() => replay(preprocessing, 'cat,hole\nred,1\n')).toThrow("new: expected a column 'num', got cat, hole");
    const word = 'num,cat,hole\nx,red,1\n';
    const kept = replay(preprocessing, word);
    expect([...kept.x]).toEqual([...replay(preprocessing, 'num,cat,hole\n,red,1\n').x]);
    expect([...kept.unread]).toEqual([[0, ['num']]]);
    expect(kept.warnings[0]).toBe(
      "column 'num': 1 of 1 cells is no number, as training had, and counts as missing: 'x' (line 2)",
    );
    expect(() => encode(preprocessing, parseTable(word, 'new'), [0], true)).toThrow(
      "new:2: column 'num': expected a number as in training, got 'x'",
    );
  });

  it('goes by place where files have no header', () => {
    const { preprocessing } = learn(
      parseTable(
        rowsOf(40, (i) => `${i},${i * i},${3 * i}`),
        'f',
      ),
      { target: 1 },
    );
    const [withTarget, without] = [replay(preprocessing, '4,9,5', false).x, replay(preprocessing, '4,5', false).x];
    expect([...withTarget]).toEqual([...without]);
    expect(() => replay(preprocessing, '1,2,3,4', false)).toThrow(
      'expected 3 columns as in training (or 2 without the target), got 4',
    );
  });

  it('takes the columns of all rows in memory, not of the first alone', () => {
    expect(tableFromRows([{ a: 1 }, { a: 2, b: 'x' }]).names).toEqual(['a', 'b']);
  });

  it('keeps the classes, in numeric order, and refuses unknown ones', () => {
    const { preprocessing, schema } = learn(
      parseTable(
        rowsOf(60, (i) => `${i},${[10, 2, 1][i % 3]}`),
        'f',
      ),
    );
    expect(preprocessing.target).toMatchObject({ classes: ['1', '2', '10'] });
    expect(schema.task).toBe('classification');
    expect(() => encode(preprocessing, parseTable('1,7', 'new'), [0], true)).toThrow(
      "new:1: target 'x2': expected one of 1, 2, 10, got '7'",
    );
  });
});

describe('split and demo', () => {
  it('has the paper’s sizes, covers every row once, changes with the seed', () => {
    for (const [n, sizes] of [
      [1503, [1052, 150, 301]],
      [17379, [12165, 1738, 3476]],
      [768, [537, 77, 154]],
    ] as const) {
      const { train, valid, test } = splitRows(n, { seed: 1, valid: 0.1, test: 0.2 });
      expect([train.length, valid.length, test.length]).toEqual(sizes);
      expect(new Set([...train, ...valid, ...test]).size).toBe(n);
      expect([...splitRows(n, { seed: 2, valid: 0.1, test: 0.2 }).test]).not.toEqual([...test]);
    }
    expect(() => splitRows(3, { seed: 1, valid: 0.5, test: 0.5 })).toThrow('expected rows left for training');
  });

  it('shares out every class in proportion, in sizes that stay, rare ones to training first', () => {
    const classes = Array.from({ length: 203 }, (_, i) => (i < 150 ? 0 : i < 200 ? 1 : i < 202 ? 2 : 3));
    for (const seed of [1, 2, 3]) {
      const { train, valid, test } = splitRows(203, { seed, valid: 0.1, test: 0.2, classes });
      expect([train.length, valid.length, test.length]).toEqual([142, 20, 41]);
      expect(new Set([...train, ...valid, ...test]).size).toBe(203);
      const count = (part: Int32Array, k: number) => part.filter((i) => classes[i] === k).length;
      for (const [part, share] of [
        [train, 0.7],
        [valid, 0.1],
        [test, 0.2],
      ] as const) {
        for (const [k, rows] of [150, 50].entries()) expect(Math.abs(count(part, k) - share * rows)).toBeLessThan(2);
      }
      expect(count(train, 2)).toBeGreaterThan(0);
      expect(count(train, 3)).toBe(1);
    }
    const all = { seed: 1, valid: 0.1, test: 0.2, classes };
    expect([...splitRows(203, all).test]).toEqual([...splitRows(203, all).test]);
    expect([...splitRows(203, all).test]).not.toEqual([...splitRows(203, { ...all, seed: 2 }).test]);
    expect(() => splitRows(10, { seed: 1, valid: 0.1, test: 0.2, classes: [...Array(10).keys()] })).toThrow(
      'expected a row of each of 10 classes left for training',
    );
  });

  it('the demo data are the same for a seed and leave the gap empty', () => {
    const table = parseTable(demoCsv(3), 'demo');
    expect(table.rows).toBe(600);
    expect(demoCsv(3)).toBe(demoCsv(3));
    expect(demoCsv(3)).not.toBe(demoCsv(4));
    expect(allTexts(table.columns[0]).every((cell) => Number(cell) <= -0.49 || Number(cell) >= 1.49)).toBe(true);
  });
});
