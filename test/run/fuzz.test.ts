/** Readers of what others made, fed with damaged files: errors of ours only, and an end. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { splitRows } from '../../src/data/split.ts';
import { openColumns } from '../../src/data/table/column-file.ts';
import { encode } from '../../src/data/table/encode.ts';
import { learnPreprocessing } from '../../src/data/table/preprocess.ts';
import { readSchema } from '../../src/data/table/schema.ts';
import { readTable } from '../../src/data/table/table.ts';
import { SmileError } from '../../src/errors.ts';
import { readNetwork } from '../../src/spec/network.ts';
import { parseYamlConfig, resolveSpec } from '../../src/spec/spec.ts';
import { chances, flipped, mangled } from '../harm.ts';

/** Trials; more of them, by hand: SMILE_HARM=60 npx vitest run test/run/fuzz.test.ts */
const TIMES = Number(process.env.SMILE_HARM ?? 1);
const INPUTS = 40 * TIMES;

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

interface Reader {
  readonly name: string;
  readonly ending: string;
  readonly whole: readonly Buffer[];
  read(path: string): unknown;
}

const readers: readonly Reader[] = [
  {
    name: 'tables',
    ending: '.csv',
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
    ending: '.parquet',
    whole: filesIn('predictions', '.parquet'),
    async read(path) {
      const { names, numbersWithGaps } = await openColumns(path);
      for (const name of names) await numbersWithGaps(name);
    },
  },
  { name: 'networks', ending: '.onnx', whole: filesIn('onnx', '.onnx'), read: readNetwork },
  {
    name: 'configurations',
    ending: '.yaml',
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

it.each(readers)('$name', { timeout: 3_600_000 }, async ({ name, ending, whole, read }) => {
  const path = join(folder, `input${ending}`);
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
