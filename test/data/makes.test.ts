/** Tables as they come: what is recognised in fifty makes of file, and that nothing is lost in them without a word. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { allTexts } from '../../src/data/table/cells.ts';
import { encode } from '../../src/data/table/encode.ts';
import { learnPreprocessing } from '../../src/data/table/preprocess.ts';
import { readSchema, type SchemaOptions } from '../../src/data/table/schema.ts';
import { parseTable, type ReadOptions, readDelimited } from '../../src/data/table/table.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-makes-'));
let files = 0;
const put = (content: string | Uint8Array, ending = '.csv') => {
  const path = join(folder, `t${files++}${ending}`);
  writeFileSync(path, content);
  return path;
};

/** Numbers between −5 and 5 with three digits, the same for the same row and column. */
const number = (i: number, j: number) => (((i * 7919 + j * 104729 + 13 * i * i) % 10007) / 1000.7 - 5).toFixed(3);
const ROWS = 60;
const lines = (row: (i: number) => string, n = ROWS) => Array.from({ length: n }, (_, i) => row(i)).join('\n');
const three = (mark = ',', i = 0) => [number(i, 1), number(i, 2), number(i, 3)].join(mark);
const body = (mark = ',') => lines((i) => three(mark, i));
const [one, two] = [Number(number(0, 1)), Number(number(0, 2))];
const comma = (text: string) => text.replaceAll('.', ',');
const pick = (words: readonly string[]) => (i: number) => words[(i * i + (i >> 2)) % words.length];

interface Make {
  readonly content: string | Uint8Array;
  readonly ending?: string;
  readonly read?: ReadOptions;
  readonly schema?: Partial<SchemaOptions>;
  readonly delimiter?: string;
  readonly headed?: boolean;
  readonly names?: readonly string[];
  readonly rows?: number;
  /** `n` or `c` per feature, in order. */
  readonly kinds?: string;
  readonly task?: string;
  /** Classes, in order. */
  readonly classes?: readonly string[];
  readonly notes?: readonly string[];
  /** First row of numbers of the features. */
  readonly first?: readonly number[];
}
const abc = ['a', 'b', 'y'];
const release = pick(['1.1', '1.10', '1.2', 'beta']);
const far = (n: number) => (1e17 + 3 * n).toLocaleString('fullwide', { useGrouping: false });
const code17 = pick([0, 1, 2, 3].map((k) => `10000000000000000${3 * k}`));

const MAKES: Record<string, Make> = {
  'comma and header': { content: `a,b,y\n${body()}`, kinds: 'nn', task: 'regression' },
  'no header': { content: body(), headed: false, names: ['x1', 'x2', 'x3'] },
  semicolons: { content: `a;b;y\n${body(';')}`, delimiter: ';' },
  tabs: { content: `a\tb\ty\n${body('\t')}`, delimiter: '\t' },
  bars: { content: `a|b|y\n${body('|')}`, delimiter: '|' },
  'runs of blanks': { content: `  a  b   y\n${lines((i) => `  ${three('   ', i)} `)}`, delimiter: ' ' },
  'blanks around commas': { content: `a , b , y \n${lines((i) => ` ${three(' , ', i)} `)}`, delimiter: ',' },
  'commas inside words of a tab file': {
    content: `a\tb\ty\n${lines((i) => `${number(i, 1)}\t${pick(['x, y', 'z'])(i)}\t${number(i, 3)}`)}`,
    delimiter: '\t',
    kinds: 'nc',
  },
  'dates with blanks': {
    content: `when,b,y\n${lines((i) => `2024-01-${10 + (i % 9)} 10:00,${number(i, 2)},${number(i, 3)}`)}`,
    names: ['when', 'b', 'y'],
    kinds: 'cn',
  },
  'decimal commas': {
    content: `a;b;y\n${comma(body(';'))}`,
    delimiter: ';',
    notes: ['numbers with a decimal comma (0,5 is 0.5): a, b, y'],
    first: [one, two],
  },
  'decimal commas without header': {
    content: comma(body(';')),
    delimiter: ';',
    headed: false,
    names: ['x1', 'x2', 'x3'],
    kinds: 'nn',
  },
  'decimal commas between blanks': { content: `a b y\n${comma(body(' '))}`, delimiter: ' ', kinds: 'nn' },
  'a decimal comma in one column': {
    content: `a;b;y\n${lines((i) => `${number(i, 1)};${comma(number(i, 2))};${number(i, 3)}`)}`,
    delimiter: ';',
    kinds: 'nn',
    notes: ['numbers with a decimal comma (0,5 is 0.5): b'],
  },
  'thousands and decimals': {
    content: `a,b,y\n${lines((i) => `"${1 + (i % 9)},${100 + i}",${number(i, 2)},"${1 + i},${200 + i}.50"`)}`,
    notes: ['numbers with commas between thousands (1,000 is 1000): a, y'],
    first: [1100, two],
  },
  'thousands the continental way': {
    content: `a;b;y\n${lines((i) => `${1 + (i % 9)}.${100 + i};${comma(number(i, 2))};${comma(number(i, 3))}`)}`,
    delimiter: ';',
    notes: ['points between thousands (1.000 is 1000): a'],
    first: [1100, two],
  },
  'an ambiguous comma, told': {
    content: `a;y\n${lines((i) => `${1 + (i % 9)},${100 + i};${i}`)}`,
    delimiter: ';',
    names: ['a', 'y'],
    read: { decimal: '.' },
    first: [1100],
  },
  'an ambiguous comma, not told': {
    content: `a;y\n${lines((i) => `${1 + (i % 9)},${100 + i};${i}`)}`,
    delimiter: ';',
    names: ['a', 'y'],
    first: [1.1],
  },
  'currency and percent': {
    content: `a,b,price\n${lines((i) => `${number(i, 1)},${i % 30}%,$${100 + i}.50`)}`,
    names: ['a', 'b', 'price'],
    task: 'regression',
    notes: ["column 'price': '$100.50' was read as 100.5", 'numbers with percent signs (5% is 5): b'],
  },
  'blanks between thousands': {
    content: `a;y\n${lines((i) => `${1 + i} ${100 + i};${i}`)}`,
    delimiter: ';',
    names: ['a', 'y'],
    first: [1100],
    notes: ["column 'a': '1 100' was read as 1100"],
  },
  'a typographic minus': {
    content: `a,b,y\n${body().replaceAll('-', '\u2212')}`,
    kinds: 'nn',
    first: [one, two],
    notes: ['was read as -0.344'],
  },
  'words for missing among numbers': {
    content: `a,b,y\n${lines((i) => `${i % 4 ? number(i, 1) : 'NULL'},${i % 5 ? number(i, 2) : '-'},${number(i, 3)}`)}`,
    kinds: 'nn',
    notes: ["column 'a': missing in cells with 'NULL' (15)", "column 'b': missing in cells with '-' (12)"],
  },
  'a repeated word among numbers': {
    content: `a,b,y\n${lines((i) => `${i % 4 ? number(i, 1) : 'unknown'},${number(i, 2)},${number(i, 3)}`)}`,
    kinds: 'nn',
    notes: ["column 'a': 'unknown' among numbers was read as missing; --categorical 'a' makes categories of all"],
  },
  'words for missing, told': {
    content: `a,b,y\n${lines((i) => `${i % 9 ? i % 9 : 'void'},${number(i, 2)},${number(i, 3)}`)}`,
    schema: { missing: ['void'] },
    kinds: 'nn',
  },
  'few numbers and words': {
    content: `a,b,y\n${lines((i) => `${i % 9 ? i % 9 : 'void'},${number(i, 2)},${number(i, 3)}`)}`,
    kinds: 'cn',
    notes: ["column 'a': 9 categories: 'void', '1', '2', '3' … and 5 more; 53 of 60 cells are numbers, but not 'void'"],
  },
  'every column of categories': {
    content: `q1,q2,y\n${lines((i) => `${pick(['yes', 'no'])(i)},${pick(['lo', 'mid', 'hi'])(i)},${pick(['y', 'n'])(i + 1)}`)}`,
    names: ['q1', 'q2', 'y'],
    kinds: 'cc',
    notes: ["column 'q1': 2 categories: 'yes', 'no'", "column 'q2': 3 categories"],
  },
  'categories without header': {
    content: lines((i) => `${pick(['yes', 'no'])(i)},${pick(['lo', 'mid', 'hi'])(i)},${pick(['u', 'v'])(i + 1)}`),
    headed: false,
    names: ['x1', 'x2', 'x3'],
  },
  'years as names': {
    content: `region,2019,2020,2021\n${lines((i) => `${pick(['S', 'N'])(i)},${three(',', i)}`)}`,
    names: ['region', '2019', '2020', '2021'],
    kinds: 'cnn',
  },
  'a year as target': {
    content: `region,2019,2020,2021\n${lines((i) => `${pick(['S', 'N'])(i)},${three(',', i)}`)}`,
    names: ['region', '2019', '2020', '2021'],
    schema: { target: 2020 },
    kinds: 'cnn',
    notes: ["regression: '2020'"],
  },
  'names 0, 1, 2': { content: `0,1,2\n${body()}`, names: ['0', '1', '2'] },
  'integers without header': {
    content: lines((i) => `${i % 7},${(i * 3) % 11},${i * i}`),
    headed: false,
    names: ['x1', 'x2', 'x3'],
    kinds: 'nn',
  },
  'a nameless index': {
    content: `,a,b,y\n${lines((i) => `${i},${three(',', i)}`)}`,
    names: ['index', ...abc],
    kinds: 'nn',
    notes: ["column 'index' was left out: it counts the rows; --keep 'index' uses it"],
  },
  'a nameless index, kept': {
    content: `,a,b,y\n${lines((i) => `${i},${three(',', i)}`)}`,
    names: ['index', ...abc],
    schema: { keep: ['index'] },
    kinds: 'nnn',
  },
  "R's row names": {
    content: `"a","b","y"\n${lines((i) => `"${i + 1}",${three(',', i)}`)}`,
    names: ['rownames', ...abc],
    kinds: 'nn',
    notes: ["it is called 'rownames'", "column 'rownames' was left out: it counts the rows"],
  },
  keys: {
    content: `patient_id,a,y\n${lines((i) => `${9000 - 7 * i},${number(i, 1)},${number(i, 2)}`)}`,
    names: ['patient_id', 'a', 'y'],
    kinds: 'n',
    notes: ["column 'patient_id' was left out: every row has a key of its own"],
  },
  'a column that counts the rows': {
    content: `t,a,y\n${lines((i) => `${i},${number(i, 1)},${number(i, 2)}`)}`,
    names: ['t', 'a', 'y'],
    kinds: 'nn',
    notes: ["column 't' counts the rows; if it is a row number, --exclude it"],
  },
  "NumPy's header": { content: `# a,b,y\n${body()}`, kinds: 'nn' },
  'comments before a header': {
    content: `# made by\n# hand, at home\na,b,y\n${body()}`,
    notes: ['2 lines of comment'],
  },
  'cells that begin with #': {
    content: `code,a,y\n${lines((i) => `${pick(['#1', 'A2', '#3'])(i)},${number(i, 1)},${number(i, 2)}`)}`,
    names: ['code', 'a', 'y'],
    kinds: 'cn',
  },
  'cells that begin with #, without header': {
    content: lines((i) => `${pick(['#1', 'A2', '#3'])(i)},${number(i, 1)},${number(i, 2)}`),
    headed: false,
    names: ['x1', 'x2', 'x3'],
    kinds: 'cn',
  },
  'a comment among the rows': {
    content: `a,b,y\n${body()}\n# a pause\n${body()}`,
    rows: 2 * ROWS,
    notes: ['1 lines beginning with # among the rows were taken for comments: line 62'],
  },
  'line breaks and # inside quotes': {
    content: `a,site,y\n${lines((i) => `${number(i, 1)},"${pick(['A\n#2', 'A', 'B\n\nC'])(i)}",${number(i, 2)}`)}`,
    names: ['a', 'site', 'y'],
    kinds: 'nc',
    notes: ["'A\\n#2'"],
  },
  'a title above the header': {
    content: `Export of 2024-05-01,,\n,,\na,b,y\n${body()}`,
    notes: ["2 lines of title before the table were left out: 'Export of 2024-05-01'"],
  },
  'sep=; above the header': {
    content: `sep=;\na;b;y\n${body(';')}`,
    delimiter: ';',
    kinds: 'nn',
    notes: ['line 1 (sep=;)'],
  },
  'separators at the end of every line': {
    content: `a,b,y,,\n${lines((i) => `${three(',', i)},,`)}`,
    kinds: 'nn',
    notes: ['2 empty columns without a name left out'],
  },
  'a separator at the end of the header': { content: `a,b,y,\n${body()}`, notes: ['last separator of the header'] },
  'a separator at the end of the rows': {
    content: `a,b,y\n${lines((i) => `${three(',', i)},`)}`,
    notes: ['last separator of the rows'],
  },
  'a separator at the end, without header': {
    content: lines((i) => `${three(',', i)},`),
    headed: false,
    names: ['x1', 'x2', 'x3'],
    notes: ['1 empty column without a name left out'],
  },
  'CR alone': { content: `a,b,y\n${body()}\n`.replaceAll('\n', '\r') },
  'CRLF and a byte order mark': { content: `\uFEFFa,b,y\n${body()}\n`.replaceAll('\n', '\r\n') },
  'UTF-16': { content: Buffer.from(`\uFEFFa,b,y\n${body()}\n`, 'utf16le') },
  'Latin-1': {
    content: Buffer.from(`a,größe,y\n${body()}\n`, 'latin1'),
    names: ['a', 'größe', 'y'],
    notes: ['the file is not UTF-8: it was read as Windows-1252 (Latin-1)'],
  },
  gzip: { content: gzipSync(`a,b,y\n${body()}\n`), ending: '.csv.gz' },
  'classes 1.1 and 1.10': {
    content: `a,b,y\n${lines((i) => `${number(i, 1)},${number(i, 2)},${release(i)}`)}`,
    task: 'classification',
    classes: ['1.1', '1.10', '1.2', 'beta'],
    notes: ["equal as numbers are kept apart, as written: '1.1' and '1.10'"],
  },
  'classes 1e1, 10, 007 and 0x0A': {
    content: `a,b,y\n${lines((i) => `${number(i, 1)},${number(i, 2)},${pick(['1e1', '10', '007', '0x0A'])(i)}`)}`,
    classes: ['007', '10', '1e1', '0x0A'],
  },
  'classes beyond 2⁵³': {
    content: `a,b,y\n${lines((i) => `${number(i, 1)},${number(i, 2)},${code17(i)}`)}`,
    classes: [0, 3, 6, 9].map((k) => `10000000000000000${k}`),
    task: 'classification',
  },
  'categories beyond 2⁵³': {
    content: `a,b,y\n${lines((i) => `${code17(i)},${number(i, 1)},${number(i, 2)}`)}`,
    kinds: 'cn',
    notes: ['as numbers some of them would be the same'],
  },
  'large numbers that are no codes': {
    content: `a,b,y\n${lines((i) => `${far(1e12 * i)},${number(i, 1)},${number(i, 2)}`)}`,
    kinds: 'nn',
  },
  'a class None': {
    content: `a,b,y\n${lines((i) => `${number(i, 1)},${number(i, 2)},${pick(['mild', 'None', 'severe'])(i)}`)}`,
    classes: ['None', 'mild', 'severe'],
    rows: ROWS,
    notes: ["'None' is one of them (--missing None makes it missing)"],
  },
  'a class NA': {
    content: `a,b,y\n${lines((i) => `${number(i, 1)},${number(i, 2)},${pick(['EU', 'NA', 'SA'])(i)}`)}`,
    schema: { notMissing: ['NA'] },
    classes: ['EU', 'NA', 'SA'],
  },
  counts: {
    content: `a,b,y\n${lines((i) => `${number(i, 1)},${number(i, 2)},${[0, 0, 0, 0, 1, 1, 1, 2, 2, 3][i % 10]}`)}`,
    task: 'classification',
    classes: ['0', '1', '2', '3'],
    notes: [
      'EACH NUMBER OF THE TARGET IS A CLASS OF ITS OWN, the classes 0 to 3 are integers and look like counts: their order is not used; --task regression uses it',
    ],
  },
  'a comma in a name': {
    content: `a,"b, m2",y\n${body()}`,
    names: ['a', 'b, m2', 'y'],
    schema: { exclude: ['b, m2'] },
    kinds: 'n',
  },
};

describe('makes of file', () => {
  it('are at least forty', () => expect(Object.keys(MAKES).length).toBeGreaterThanOrEqual(40));

  it.each(Object.entries(MAKES))('%s', async (_name, make) => {
    const { content, ending, read, schema: asked, delimiter = ',', headed = true, names = abc, rows = ROWS } = make;
    const table = await readDelimited(put(content, ending), read);
    expect(table.names).toEqual(names);
    expect([table.rows, table.headed, table.dialect.delimiter]).toEqual([rows, headed, delimiter]);
    const schema = readSchema(table, { target: -1, task: 'auto', categorical: [], exclude: [], ...asked });
    const notes = [...table.notes, ...schema.notes].join('\n');
    for (const note of make.notes ?? []) expect(notes).toContain(note);
    if (make.kinds) expect(schema.features.map(({ kind }) => kind[0]).join('')).toBe(make.kinds);
    if (make.task) expect(schema.task).toBe(make.task);
    if (make.first) {
      expect(schema.features.map((column) => (column.kind === 'numeric' ? column.values[0] : column.kind))).toEqual(
        make.first,
      );
    }
    if (make.classes) {
      const { preprocessing } = learnPreprocessing(table, schema, Int32Array.from(schema.rows), 'train');
      expect(preprocessing.target).toMatchObject({ classes: make.classes });
      expect(schema.rows.length).toBe(rows);
    }
  });
});

describe('what cannot be read', () => {
  it.each([
    ['JSON', '[{"a": 1, "y": 2}]', 'expected delimited text, got JSON. Write it as CSV'],
    ['a web page', '<!DOCTYPE html><html></html>', 'got a web page'],
    ['a workbook', 'PK\x03\x04 and so on', 'got an Excel workbook or a ZIP'],
    ['Parquet', 'PAR1 and so on', 'got a Parquet file'],
    ['gzip without its ending', gzipSync('a,b\n1,2\n'), 'got a gzip archive. Let its name end in .gz'],
    ['a quote that is never closed', `a,b\n1,"x\n${body()}\n`, ':2: expected quotes around whole cells'],
    ['a quote closed in the middle', `a,b\n1,2\n"x" y,3\n`, ':3: expected quotes around whole cells'],
    ['a row too short', `a,b,y\n${body()}\n1,2\n${body()}`, ':62: expected 3 fields as in line 1, got 2'],
  ])('%s', async (_name, content, message) => {
    await expect(readDelimited(put(content))).rejects.toThrow(message);
  });

  it('a cell that is no number, by its line below line breaks in quotes', async () => {
    const path = put(
      `a,note,y\n${lines((i) => `${i === 50 ? 'oops' : number(i, 1)},"first\nsecond",${number(i, 3)}`)}`,
    );
    const table = await readDelimited(path);
    const options: SchemaOptions = { target: 'y', task: 'auto', categorical: [], exclude: [] };
    expect(() => readSchema(table, options)).toThrow(":102: column 'a': expected a finite number, got 'oops'");
  });

  it('a target of words and numbers, without a circle of advice', async () => {
    const path = put(`a,y\n${lines((i) => `${number(i, 1)},${i % 3 ? number(i, 2) : `~${i}`}`)}`);
    const options: SchemaOptions = { target: 'y', task: 'auto', categorical: [], exclude: [] };
    const table = await readDelimited(path);
    for (const task of ['auto', 'regression', 'classification'] as const) {
      expect(() => readSchema(table, { ...options, task })).toThrow(/'~0' \(line 2\).*mend the cells/i);
      expect(() => readSchema(table, { ...options, task })).not.toThrow(/--task/);
    }
  });

  it('names a few of three thousand columns', async () => {
    const wide = Array.from({ length: 3072 }, (_, j) => `c${j}`).join(',');
    const table = await readDelimited(put(`${wide}\n${wide.replaceAll('c', '')}\n`));
    const options: SchemaOptions = { target: 'price', task: 'auto', categorical: [], exclude: [] };
    expect(() => readSchema(table, options)).toThrow('c10, c11 … and 3,060 more');
  });
});

describe('new files are read as the training file was', () => {
  const learn = async (content: string, asked: Partial<SchemaOptions> = {}) => {
    const table = await readDelimited(put(content));
    const schema = readSchema(table, { target: -1, task: 'auto', categorical: [], exclude: [], ...asked });
    return learnPreprocessing(table, schema, Int32Array.from(schema.rows), 'train').preprocessing;
  };
  const replay = async (pre: Awaited<ReturnType<typeof learn>>, content: string) => {
    const table = await readDelimited(put(content), { header: pre.headed, like: pre.dialect });
    const { x, warnings } = encode(pre, table, [...Array(table.rows).keys()], false);
    return { table, x: [...x], warnings: [...table.notes.slice(1), ...warnings] };
  };

  it('with decimal commas, which alone could be thousands', async () => {
    const pre = await learn(`a;b;y\n${comma(body(';'))}`);
    const [own, other] = [await replay(pre, 'a;b\n1,234;0,5\n'), await replay(pre, 'a,b\n1.234,0.5\n')];
    expect(own.x).toEqual(other.x);
    expect(own.warnings).toEqual([]);
    expect(other.warnings.join()).toContain('cells are separated by comma, in the training file by semicolon');
  });

  it('with separators that the new rows alone would not show', async () => {
    const word = pick(['x,y', 'z,w']);
    const pre = await learn(lines((i) => `${word(i)};${word(i + 1)};${number(i, 1)}`));
    const alone = await readDelimited(put('x,y;z,w\n'), { header: false });
    const { table, warnings } = await replay(pre, 'x,y;z,w\n');
    expect([alone.names.length, table.names.length, warnings]).toEqual([3, 2, []]);
  });

  it('levels by value and truth values in any case', async () => {
    const ints = `ward,a,y\n${lines((i) => `${1 + (i % 3)},${number(i, 1)},${number(i, 2)}`)}`;
    const pre = await learn(ints, { categorical: ['ward'] });
    const [same, other] = [await replay(pre, 'ward,a\n1,0\n3,0\n'), await replay(pre, 'ward,a\n1.0,0\n3.0,0\n')];
    expect([other.x, other.warnings]).toEqual([same.x, []]);
    const flags = await learn(
      `flag,a,y\n${lines((i) => `${pick(['True', 'False'])(i)},${number(i, 1)},${number(i, 2)}`)}`,
    );
    const [upper, lower] = [await replay(flags, 'flag,a\nTrue,0\n'), await replay(flags, 'flag,a\ntrue,0\n')];
    expect([lower.x, lower.warnings]).toEqual([upper.x, []]);
  });

  it('levels that are equal as numbers by their text alone', async () => {
    const pre = await learn(`a,v,y\n${lines((i) => `${number(i, 1)},${release(i)},${number(i, 2)}`)}`);
    const { x } = await replay(pre, 'a,v\n0,1.1\n0,1.10\n0,1.2\n');
    const rows = [x.slice(1, 5), x.slice(6, 10), x.slice(11, 15)];
    expect(rows).toEqual([
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
    ]);
    expect((await replay(pre, 'a,v\n0,1.100\n')).warnings.join()).toContain("category '1.100'");
  });

  it('rows that begin with #, and every word for missing', async () => {
    const pre = await learn(
      `code,a,y\n${lines((i) => `${pick(['#1', 'A2'])(i)},${i % 4 ? number(i, 1) : 'void'},${number(i, 2)}`)}`,
    );
    const { table, x, warnings } = await replay(pre, 'code,a\n#1,0.5\n#1,void\nA2,NULL\n#1,1\n');
    expect([table.rows, warnings]).toEqual([4, []]);
    expect([x[3], x[7], x[11], x[15]]).toEqual([0, 1, 1, 0]);
  });

  it('columns with percent signs, and says where there are none', async () => {
    const pre = await learn(`a,y\n${lines((i) => `${i}%,${number(i, 1)}`)}`);
    const [signed, bare] = [await replay(pre, 'a\n50%\n'), await replay(pre, 'a\n50\n')];
    expect(signed.x).toEqual(bare.x);
    expect([signed.warnings.length, bare.warnings.join()]).toEqual([
      0,
      expect.stringContaining('in training with a decimal point, percent signs'),
    ]);
  });
});

describe('typed columns', () => {
  it('keep every text beyond what a dictionary holds', async () => {
    const n = 9000;
    const cell = (i: number) => (i % 1000 === 7 && i > 5000 ? '007' : i % 1000 === 8 ? 'oops' : String(i / 8));
    const table = await readDelimited(put(`id,name,y\n${lines((i) => `${cell(i)},name ${i},${i % 2}`, n)}\n`));
    const [numbers, words] = table.columns;
    expect([numbers.kind, words.kind]).toEqual(['numbers', 'texts']);
    expect(allTexts(numbers)).toEqual(Array.from({ length: n }, (_, i) => cell(i)));
    expect(allTexts(words)).toEqual(Array.from({ length: n }, (_, i) => `name ${i}`));
  });

  it('hold the very doubles that JavaScript reads', async () => {
    const n = 20_000;
    const cell = (i: number) => {
      const v = Math.sin(i) * 10 ** ((i % 30) - 18);
      return i % 3 === 0 ? v.toPrecision(1 + (i % 17)) : i % 3 === 1 ? v.toFixed(i % 12) : String(v);
    };
    const table = await readDelimited(put(`a,y\n${lines((i) => `${cell(i)},${i}`, n)}`));
    const [column] = table.columns;
    expect(column.kind).toBe('numbers');
    const values = column.kind === 'numbers' ? column.values : [];
    expect(Array.from(values)).toEqual(Array.from({ length: n }, (_, i) => Number(cell(i))));
  });

  it('quotes in some pieces of a large file change nothing', async () => {
    const n = 60_000;
    const row = (i: number, quotes: boolean) =>
      quotes && i % 9001 === 5 ? `"${i}","b\n${i}",2` : `${i},${i % 9001 === 5 ? `b ${i}` : 'c'},2`;
    const table = await readDelimited(put(`a,b,y\n${lines((i) => row(i, true), n)}`));
    const plain = await readDelimited(put(`a,b,y\n${lines((i) => row(i, false), n)}`));
    expect(allTexts(table.columns[0])).toEqual(allTexts(plain.columns[0]));
    expect(allTexts(table.columns[1]).map((text) => text.replace('\n', ' '))).toEqual(allTexts(plain.columns[1]));
    expect(table.lines[n - 1]).toBe(plain.lines[n - 1] + 7);
  });
});

describe('docs/tables.md', () => {
  const blocks = [
    ...readFileSync('docs/tables.md', 'utf8').matchAll(/```csv\n([\s\S]*?)```\n\n```text\n([\s\S]*?)```/g),
  ];

  it.each(blocks.map(([, csv, notes], k) => [k + 1, csv, notes] as const))('example %i', (_k, csv, notes) => {
    // Ten times the rows, so that there are enough of them for a fit.
    const rows = csv.split('\n').filter((line) => line !== '');
    const table = parseTable(csv, 'example');
    const above = rows.length - table.rows;
    const long = parseTable(
      [...rows.slice(0, above), ...Array(10).fill(rows.slice(above)).flat()].join('\n'),
      'example',
    );
    const { notes: found } = readSchema(long, { target: -1, task: 'auto', categorical: [], exclude: [] });
    const said = [...table.notes, ...found].join('\n').replace(/\((\d+)\)/g, (_, n) => `(${n / 10})`);
    for (const note of notes.trim().split('\n')) expect(said).toContain(note);
  });

  it('has examples', () => expect(blocks.length).toBeGreaterThan(3));
});
