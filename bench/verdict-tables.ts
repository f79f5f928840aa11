/** Tables for `bench/verdicts.ts`: public ones as people have them, and generated ones of many kinds. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import Papa from 'papaparse';
import type { FitConfig } from 'smile-bayes';
import { normals, uniforms } from '../src/math/random.ts';

export type Row = Record<string, string | number | null>;

export interface BenchTable {
  readonly name: string;
  readonly target: string;
  readonly config?: FitConfig;
  /** Rows to fit, and labelled rows of the same kind that the fit never sees. */
  rows(seed: number): { fit: Row[]; apart: Row[] };
  /** Finding (answer and check) that a fault planted in it must raise. */
  readonly planted?: readonly ['predictions' | 'sampling' | 'table', string];
  /** The rows kept apart follow another law than those of the fit, which no rows of the fit can show. */
  readonly shift?: true;
}

/** Rows that a fit gets at most, of which the share kept apart is not part. */
const MOST = 1000;
const APART = 0.3;
const MOST_APART = 3000;
/** Rows generated for the fit, unless the kind is of another size, and rows kept apart. */
const MADE = 800;
const MADE_APART = 2000;

const numbers = (seed: number, k: number, n: number, fill: typeof normals) => {
  const out = new Float64Array(n);
  fill([seed, k], out);
  return out;
};

/** A shuffled public table, cut in two. */
function cut(all: Row[], seed: number): { fit: Row[]; apart: Row[] } {
  const u = numbers(seed, 99, all.length, uniforms);
  const order = all.map((_, i) => i).sort((a, b) => u[a] - u[b]);
  const apart = Math.min(MOST_APART, Math.round(APART * all.length));
  const pick = (part: number[]) => part.map((i) => all[i]);
  return { apart: pick(order.slice(0, apart)), fit: pick(order.slice(apart, apart + MOST)) };
}

type Data = NonNullable<FitConfig['data']>;

/** name, file, target (or its place in a file without names), and what to leave out. */
const PUBLIC: [string, string, string | number, Data?][] = [
  ['airfoil', 'uci/airfoil.data', 5],
  ['energy', 'uci/energy.data', 8],
  ['bikesharing', 'uci/bikesharing.data', 11],
  ['ionosphere', 'uci/ionosphere.data', 33, { task: 'classification' }],
  ['adult', 'uci/adult.data.gz', 14, { task: 'classification' }],
  ['california', 'tables/california.csv.gz', 'median_house_value'],
  ['diamonds', 'tables/diamonds.csv.gz', 'price'],
  ['titanic', 'tables/titanic.csv.gz', 'survived', { task: 'classification', exclude: ['alive'] }],
  ['penguins', 'tables/penguins.csv.gz', 'species'],
  ['mpg', 'tables/mpg.csv.gz', 'mpg', { exclude: ['name'] }],
  ['taxis', 'tables/taxis.csv.gz', 'fare', { exclude: ['total'] }],
  ['flights', 'tables/flights.csv.gz', 'passengers'],
  ['healthexp', 'tables/healthexp.csv.gz', 'Life_Expectancy'],
  ['ames', 'tables/ames.csv.gz', 'Sale_Price', { exclude: ['rownames'] }],
  ['loans', 'tables/loans_full_schema.csv.gz', 'interest_rate', { exclude: ['rownames'] }],
  ['bechdel', 'tables/bechdel.csv.gz', 'domgross', { exclude: ['rownames', 'title', 'imdb'] }],
  ['NMES1988', 'tables/NMES1988.csv.gz', 'visits', { task: 'regression', exclude: ['rownames'] }],
  ['DoctorVisits', 'tables/DoctorVisits.csv.gz', 'visits', { task: 'regression', exclude: ['rownames'] }],
  ['crime1', 'tables/crime1.csv.gz', 'narr86', { task: 'regression', exclude: ['rownames'] }],
  ['Hitters', 'tables/Hitters.csv.gz', 'Salary', { exclude: ['rownames'] }],
  ['pbc', 'tables/pbc.csv.gz', 'status', { task: 'classification', exclude: ['rownames', 'id'] }],
];

function readRows(path: string): Row[] {
  const bytes = readFileSync(path);
  const text = new TextDecoder().decode(path.endsWith('.gz') ? gunzipSync(bytes) : bytes).trim();
  if (!path.includes('.data')) return Papa.parse<Row>(text, { header: true, skipEmptyLines: true }).data;
  return text.split('\n').map((line) => {
    const cells = line.trim().split(line.includes(',') ? /,\s*/ : /\s+/);
    return Object.fromEntries(cells.map((cell, j) => [`c${j}`, cell]));
  });
}

const publicTables = (folder: string): BenchTable[] =>
  PUBLIC.map(([name, file, target, data]) => {
    const column = typeof target === 'number' ? `c${target}` : target;
    const known = (row: Row) => !['', 'NA', 'NaN', null, undefined].includes(row[column] as string);
    let all: Row[] | undefined;
    return {
      name,
      target: column,
      ...(data && { config: { data } }),
      rows(seed) {
        all ??= readRows(join(folder, file)).filter(known);
        return cut(all, seed);
      },
    };
  });

/** Number i of each kind of noise, features x0 … and the place of the row. */
interface Made {
  readonly x: readonly number[];
  readonly z: number;
  readonly u: number;
  readonly i: number;
}

interface Kind {
  readonly y: (made: Made) => string | number;
  readonly more?: (row: Row, made: Made) => Row;
  readonly rows?: number;
  readonly features?: number;
  readonly config?: FitConfig;
  readonly planted?: BenchTable['planted'];
  readonly shift?: true;
  /** Changes the rows to fit alone. */
  readonly spoil?: (rows: Row[]) => Row[];
}

function made(name: string, kind: Kind): BenchTable {
  const { y, more = (row) => row, rows = MADE, features = 4, config, planted, shift, spoil = (all) => all } = kind;
  return {
    name,
    target: 'y',
    ...(config && { config }),
    ...(planted && { planted }),
    ...(shift && { shift }),
    rows(seed) {
      const n = rows + MADE_APART;
      const columns = Array.from({ length: features }, (_, j) => numbers(seed, j, n, normals));
      const [z, u] = [numbers(seed, 501, n, normals), numbers(seed, 502, n, uniforms)];
      const all = Array.from({ length: n }, (_, i) => {
        const one = { x: columns.map((column) => column[i]), z: z[i], u: u[i], i };
        return more({ ...Object.fromEntries(one.x.map((v, j) => [`x${j}`, v])), y: y(one) }, one);
      });
      return { fit: spoil(all.slice(0, rows)), apart: all.slice(rows) };
    },
  };
}

const wave = ({ x }: Made) => Math.sin(2 * x[0]) + x[1] * x[2] + 0.5 * x[3];
const linear = ({ x }: Made) => x[0] - 0.5 * x[1] + 0.3 * x[2];
const smooth = (made: Made) => wave(made) + 0.3 * made.z;
const growing = (made: Made) => Math.exp(0.8 * linear(made));
const chance = (logit: number) => 1 / (1 + Math.exp(-logit));
/** A Poisson number by inversion of u. */
function poisson(rate: number, u: number): number {
  let [k, p] = [0, Math.exp(-rate)];
  for (let sum = p; u > sum && k < 1000; sum += p) p *= rate / ++k;
  return k;
}
/** A Student-t number with two degrees of freedom by inversion of u. */
const heavy = (u: number) => (2 * u - 1) / Math.sqrt(2 * u * (1 - u));

const gaussian: FitConfig = { model: { likelihood: 'gaussian' } };
const perInput: FitConfig = { model: { likelihood: 'gaussian-per-input' } };
const regression: FitConfig = { data: { task: 'regression' } };
const classes: FitConfig = { data: { task: 'classification' } };

const KINDS: Record<string, Kind> = {
  linear: { y: (m) => linear(m) + 0.5 * m.z },
  'linear, 150 rows': { y: (m) => linear(m) + 0.5 * m.z, rows: 150 },
  smooth: { y: smooth },
  'smooth, nearly no noise': { y: (m) => wave(m) + 0.01 * m.z },
  'smooth, 60 rows': { y: smooth, rows: 60 },
  'smooth, 30 rows': { y: smooth, rows: 30 },
  'growing spread': { y: (m) => growing(m) * (1 + 0.5 * m.z) },
  'growing spread, gaussian': { y: (m) => growing(m) * (1 + 0.5 * m.z), config: gaussian },
  'growing spread, per input': { y: (m) => growing(m) * (1 + 0.5 * m.z), config: perInput },
  'heavy tails': { y: (m) => linear(m) + 0.3 * heavy(m.u) },
  'heavy tails, gaussian': { y: (m) => linear(m) + 0.3 * heavy(m.u), config: gaussian },
  'log-normal': { y: (m) => Math.exp(1.5 * linear(m) + 0.7 * m.z) },
  'log-normal, gaussian': { y: (m) => Math.exp(1.5 * linear(m) + 0.7 * m.z), config: gaussian },
  counts: { y: (m) => poisson(Math.exp(0.7 * linear(m)), m.u), config: regression },
  'counts with many zeros': { y: (m) => (m.z > 0 ? 0 : poisson(3 * growing(m), m.u)), config: regression },
  'two classes': { y: (m) => (m.u < chance(2 * wave(m)) ? 'a' : 'b') },
  'five classes': { y: (m) => `k${Math.min(4, Math.max(0, Math.floor(2.5 + wave(m) + 0.3 * m.z)))}` },
  'rare class': { y: (m) => (m.u < chance(2 * linear(m) - 5) ? 'a' : 'b') },
  'flipped labels': { y: (m) => (wave(m) > 0 === m.u > 0.15 ? 'a' : 'b') },
  'clear classes': { y: (m) => (linear(m) > 0 ? 'a' : 'b') },
  'noise only': { y: (m) => m.z },
  'noise only, 150 rows': { y: (m) => m.z, rows: 150 },
  'noise only, classes': { y: (m) => (m.z > 0 ? 'a' : 'b') },
  'wide, 200 rows of 60': { y: (m) => linear(m) + 0.5 * m.z, rows: 200, features: 60 },
  steps: { y: (m) => Math.floor(2 * m.x[0]) + (m.x[1] > 0 ? 3 : 0) + 0.2 * m.z },
  'drift with time': {
    y: (m) => linear(m) + m.i / 800 + 0.3 * m.z,
    more: (row, { i }) => ({ ...row, time: i % 800 }),
    shift: true,
  },
  'wild targets': { y: (m) => (m.u < 0.01 ? 100 * m.z : smooth(m)) },
  'wild features': { y: smooth, more: (row, m) => ({ ...row, x3: m.u < 0.01 ? 100 * Number(row.x3) : row.x3 }) },
  gaps: { y: smooth, more: (row, m) => ({ ...row, x0: m.u < 0.3 ? null : row.x0, x1: m.u > 0.8 ? null : row.x1 }) },
  'many categories': {
    y: (m) => Math.sin(Math.floor(30 * m.u)) + m.x[0] + 0.3 * m.z,
    more: (row, m) => ({ ...row, place: `p${Math.floor(30 * m.u)}` }),
  },
  'noise only, classes, 12 columns': { y: (m) => (m.z > 0 ? 'a' : 'b'), features: 12 },
  'flipped labels, 20 columns': { y: (m) => (wave(m) > 0 === m.u > 0.15 ? 'a' : 'b'), features: 20 },
  'five classes, 300 rows of 20': {
    y: (m) => `k${Math.min(4, Math.max(0, Math.floor(2.5 + wave(m) + 0.3 * m.z)))}`,
    rows: 300,
    features: 20,
  },
  'copied rows, classes': {
    y: (m) => (m.u < chance(2 * linear(m)) ? 'a' : 'b'),
    rows: 400,
    spoil: (rows) => [...rows, ...rows],
  },
  'spread by category, gaussian': {
    y: (m) => linear(m) + (m.u < 0.3 ? 3 : 0.2) * m.z + (m.u < 0.3 ? 4 : 0),
    more: (row, { u }) => ({ ...row, kind: u < 0.3 ? 'wild' : 'tame' }),
    config: gaussian,
  },
  'spread that grows fast, gaussian': { y: (m) => Math.exp(1.2 * linear(m)) * (1 + 0.5 * m.z), config: gaussian },
  'three modes': { y: (m) => linear(m) + 2 * (Math.floor(3 * m.u) - 1) + 0.1 * m.z },
  'nothing or much, gaussian': { y: (m) => (m.u < 0.5 ? 0 : 5 + growing(m)) + 0.05 * m.z, config: gaussian },
  'two modes': { y: (m) => linear(m) + (m.u < 0.5 ? -1 : 1) + 0.1 * m.z },
  'leak: a copy': {
    y: smooth,
    more: (row) => ({ ...row, copy: Math.exp(Number(row.y)) }),
    planted: ['table', 'leak'],
  },
  'leak: a class by another name': {
    y: (m) => (m.u < chance(2 * wave(m)) ? 'a' : 'b'),
    more: (row) => ({ ...row, alive: row.y === 'a' ? 'yes' : 'no' }),
    config: classes,
    planted: ['table', 'leak'],
  },
  identifier: { y: smooth, more: (row, { i }) => ({ ...row, place: i + 1 }), planted: ['table', 'identifier'] },
  duplicates: { y: smooth, rows: 400, spoil: (rows) => [...rows, ...rows], planted: ['table', 'duplicates'] },
  '33 rows of 80': { y: smooth, rows: 33, features: 80, planted: ['table', 'rows'] },
  'step too large': {
    y: smooth,
    config: { sampler: { name: 'psmile-naive', stepSize: 0.2 } },
    planted: ['sampling', 'step size'],
  },
  'frozen chains': {
    y: smooth,
    config: { sampler: { name: 'psmile-naive', stepSize: 1e-9 } },
    planted: ['sampling', 'frozen'],
  },
  'too few draws': { y: smooth, config: { sampler: { thin: 60 } }, planted: ['sampling', 'draws'] },
};

export const benchTables = (folder: string): BenchTable[] => [
  ...publicTables(folder),
  ...Object.entries(KINDS).map(([name, kind]) => made(name, kind)),
];
