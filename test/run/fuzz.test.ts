/** Readers of what others made, fed with damaged files: errors of ours only, and an end. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { readCifar } from '../../src/data/image/cifar.ts';
import { readIdx } from '../../src/data/image/idx.ts';
import { readNumpy } from '../../src/data/numpy.ts';
import { splitRows } from '../../src/data/split.ts';
import { openColumns } from '../../src/data/table/column-file.ts';
import { encode } from '../../src/data/table/encode.ts';
import { learnPreprocessing } from '../../src/data/table/preprocess.ts';
import { readTable } from '../../src/data/table/read.ts';
import { readSchema } from '../../src/data/table/schema.ts';
import { SmileError } from '../../src/errors.ts';
import { readNetwork } from '../../src/spec/network.ts';
import { parseYamlConfig, resolveSpec } from '../../src/spec/spec.ts';
import { encodeNpz } from '../../src/store/npz.ts';
import { chances, flipped, mangled } from '../harm.ts';

/** Trials; more of them, by hand: SMILE_HARM=42 npx vitest run test/run/fuzz.test.ts */
const TIMES = Number(process.env.SMILE_HARM ?? 1);
const INPUTS = 20 * TIMES;

const folder = mkdtempSync(join(tmpdir(), 'smile-fuzz-'));
const fixtures = 'test/fixtures';
const filesIn = (dir: string, ending: string) =>
  readdirSync(join(fixtures, dir))
    .filter((name) => name.endsWith(ending))
    .map((name) => readFileSync(join(fixtures, dir, name)));

const rows = Array.from(
  { length: 30 },
  (_, i) => `${i % 3 ? i : ''};"${['red', 'a ""b""', 'é;x\nz'][i % 3]}";${i},5;2024-01-0${1 + (i % 9)};${0.1 * i}`,
);
const tables = [...filesIn('predictions', '.csv'), Buffer.from(`n;colour;price;day;y\n${rows.join('\n')}\n`)];
const configs = [
  stringify(resolveSpec({})),
  stringify({
    model: { hidden: [3, 4], activation: 'tanh', priorScale: 0.5 },
    warmStart: { epochs: 5, rate: 1e-3 },
    sampler: { name: 'psmile', warmup: 10, steps: 20 },
    stop: { plateau: 0.1 },
    chains: 3,
  }),
].map((text) => Buffer.from(text));

const numbers = { shape: [30, 4], data: Float64Array.from(chances(1, 120)) };
const pictures = { shape: [6, 4, 4], data: Uint8Array.from(chances(2, 96), (x) => 256 * x) };
const labels = Uint8Array.of(0, 1, 2, 0, 1, 2);
const idx = (sizes: readonly number[], bytes: Uint8Array) =>
  Buffer.concat([Buffer.from([0, 0, 8, sizes.length]), ...sizes.map((n) => Buffer.from([0, 0, 0, n])), bytes]);
const record = (k: number) => Buffer.concat([Buffer.of(k), Buffer.alloc(3072, k)]);
/** Names as NumPy keeps them: places of UTF-32. */
const words = (() => {
  const head = "{'descr': '<U3', 'fortran_order': False, 'shape': (4,), }".padEnd(117);
  const text = Buffer.alloc(48);
  [...'onetwotenred'].forEach((letter, i) => {
    text.writeUInt32LE(letter.codePointAt(0)!, 4 * i);
  });
  return Buffer.concat([Buffer.from('\x93NUMPY\x01\x00\x76\x00', 'latin1'), Buffer.from(`${head}\n`), text]);
})();

interface Reader {
  readonly name: string;
  /** What the file is called. */
  readonly file: string;
  readonly whole: readonly Buffer[];
  read(path: string): unknown;
}

const readers: readonly Reader[] = [
  {
    name: 'tables',
    file: 'a.csv',
    whole: tables,
    async read(path) {
      const table = await readTable(path);
      const schema = readSchema(table, { target: -1, task: 'auto', categorical: [], exclude: [] });
      const { train } = splitRows(schema.rows.length, { seed: 1, valid: 0.2, test: 0.2 });
      const picked = Int32Array.from(train, (i) => schema.rows[i]);
      const { preprocessing } = learnPreprocessing(table, schema, picked, 'train');
      encode(preprocessing, table, [...picked], true);
    },
  },
  {
    name: 'columns of Parquet files',
    file: 'a.parquet',
    whole: filesIn('predictions', '.parquet'),
    async read(path) {
      const { names, numbersWithGaps } = await openColumns(path);
      for (const name of names) await numbersWithGaps(name);
    },
  },
  {
    name: 'packed tables',
    file: 'a.csv.gz',
    whole: tables.map((table) => gzipSync(table)),
    read: readTable,
  },
  {
    name: 'tables as JSON Lines',
    file: 'a.jsonl',
    whole: [
      Buffer.from(rows.map((row, i) => JSON.stringify({ a: i, b: row, c: i % 2 ? null : [i], d: i / 3 })).join('\n')),
    ],
    read: readTable,
  },
  { name: 'tables as Parquet', file: 'b.parquet', whole: filesIn('predictions', '.parquet'), read: readTable },
  {
    name: 'tables as NumPy',
    file: 'a.npz',
    whole: [Buffer.from(encodeNpz({ x: numbers, y: { shape: [30], data: numbers.data.slice(0, 30) } }))],
    read: readTable,
  },
  { name: 'words as NumPy', file: 'a.npy', whole: [words], read: readNumpy },
  {
    name: 'images as IDX',
    file: 'train-images-idx3-ubyte',
    whole: [idx([6, 4, 4], pictures.data)],
    read: (path) => readIdx(path),
  },
  {
    name: 'labels as IDX',
    file: 't10k-labels-idx1-ubyte',
    whole: [idx([6], labels)],
    read: (path) => readIdx(path.replace('labels-idx1', 'images-idx3')),
  },
  {
    name: "images as CIFAR's records",
    file: 'data_batch_1.bin',
    whole: [Buffer.concat([0, 1, 2, 9].map(record))],
    read: (path) => readCifar(path),
  },
  { name: 'networks', file: 'a.onnx', whole: filesIn('onnx', '.onnx'), read: readNetwork },
  {
    name: 'configurations',
    file: 'a.yaml',
    whole: configs,
    read: (path) => resolveSpec(parseYamlConfig(readFileSync(path, 'utf8'), path), path),
  },
];

/** Some bits, a part, or a number or word that is another's. */
function damaged(bytes: Buffer, i: number): Uint8Array {
  const [way, where, what] = chances(i + 2e6, 3);
  if (way < 0.3) return flipped(bytes, where);
  if (way < 0.6) return mangled(bytes, i);
  const strange = [
    '-1',
    '1e999',
    'null',
    '[]',
    '{}',
    '9007199254740993',
    '""',
    '\0',
    '\ufeff',
    'NaN',
    '*a',
    '!!js',
    '- ',
  ];
  const at = Math.floor(where * bytes.length);
  const put = Buffer.from(strange[Math.floor(what * strange.length)]);
  return Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + (way < 0.8 ? put.length : 0))]);
}

beforeAll(() => {
  writeFileSync(join(folder, 'train-labels-idx1-ubyte'), idx([6], labels));
  writeFileSync(join(folder, 't10k-images-idx3-ubyte'), idx([6, 4, 4], pictures.data));
});

it.each(readers)('$name', { timeout: 3_600_000 }, async ({ name, file, whole, read }) => {
  const path = join(folder, file);
  const raw = new Map<string, number>();
  let refused = 0;
  for (let i = 0; i < INPUTS; i++) {
    writeFileSync(path, damaged(whole[i % whole.length], i));
    try {
      await read(path);
    } catch (error) {
      if (!(error instanceof SmileError)) raw.set((error as Error).stack ?? String(error), i);
      refused++;
    }
  }
  if (TIMES > 1) console.log(`${name}: ${INPUTS} inputs, ${refused} refused`);
  expect([...raw]).toEqual([]);
  expect(refused).toBeGreaterThan(0);
});
