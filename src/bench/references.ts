/** Automatically tuned MCLMC against the reference posteriors of posteriordb and the inference gym. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { dataError } from '../errors.ts';
import { effectiveSampleSize } from '../math/autocorrelation.ts';
import { fold, rootKey } from '../math/threefry.ts';
import { stepSync } from '../samplers/drive.ts';
import { mclmc } from '../samplers/mclmc.ts';
import { logisticRegression } from '../targets/logistic.ts';
import { normalRegression, type ReferenceTarget } from '../targets/regression.ts';
import { eightSchools } from '../targets/schools.ts';

export interface ReferenceOptions {
  readonly dataDir: string;
  readonly chains: number;
  readonly steps: number;
  readonly seed: number;
}

export interface ReferenceResult {
  readonly name: string;
  readonly parameters: number;
  /** Largest |mean − reference| in posterior standard deviations. */
  readonly meanError: number;
  /** Largest relative error of a second moment E[θ²]. */
  readonly squareError: number;
  readonly gradientsPerDraw: number;
  readonly smallestEss: number;
  readonly gradients: number;
  /** Means within 0.1 deviations and second moments within 10 %. */
  readonly passed: boolean;
}

interface Reference {
  readonly mean: readonly number[];
  readonly square: readonly number[];
  readonly deviation: readonly number[];
}

const MEAN_TOLERANCE = 0.1;
const SQUARE_TOLERANCE = 0.1;

type Data = Readonly<Record<string, number[]>>;

const ones = (y: readonly number[]) => y.map(() => 1);
/** Rows of a design matrix from its columns. */
const columns = (...list: readonly (readonly number[])[]) => list[0].map((_, i) => list.map((column) => column[i]));
const flat = { beta: Number.POSITIVE_INFINITY, sigma: { law: 'flat' } } as const;
const cauchy = { beta: Number.POSITIVE_INFINITY, sigma: { law: 'cauchy', scale: 2.5 } } as const;
const logs = (v: readonly number[]) => v.map(Math.log);
const product = (a: readonly number[], b: readonly number[]) => a.map((x, i) => x * b[i]);

/** Lags of the autoregression arK. */
const LAGS = 5;

/** The models of posteriordb, by the names of its reference posteriors. */
const MODELS: Readonly<Record<string, (data: Data) => ReferenceTarget>> = {
  'arK-arK': ({ y }) =>
    normalRegression(
      y.slice(LAGS).map((_, i) => [1, ...Array.from({ length: LAGS }, (_, k) => y[i + LAGS - 1 - k])]),
      y.slice(LAGS),
      {
        beta: 10,
        sigma: { law: 'cauchy', scale: 2.5 },
        names: ['alpha', ...Array.from({ length: LAGS }, (_, k) => `beta[${k + 1}]`)],
      },
    ),
  'earnings-earn_height': ({ earn, height }) => normalRegression(columns(ones(earn), height), earn, flat),
  'eight_schools-eight_schools_noncentered': ({ y, sigma }) => eightSchools(y, sigma),
  'kidiq-kidscore_interaction': ({ kid_score: y, mom_hs, mom_iq }) =>
    normalRegression(columns(ones(y), mom_hs, mom_iq, product(mom_hs, mom_iq)), y, cauchy),
  'kidiq-kidscore_momiq': ({ kid_score: y, mom_iq }) => normalRegression(columns(ones(y), mom_iq), y, cauchy),
  'mesquite-logmesquite': (m) =>
    normalRegression(
      columns(ones(m.weight), ...[m.diam1, m.diam2, m.canopy_height, m.total_height, m.density].map(logs), m.group),
      logs(m.weight),
      flat,
    ),
  'nes1980-nes': (n) =>
    normalRegression(
      columns(
        ones(n.partyid7),
        n.real_ideo,
        n.race_adj,
        ...[2, 3, 4].map((age) => n.age_discrete.map((a) => (a === age ? 1 : 0))),
        n.educ1,
        n.gender,
        n.income,
      ),
      n.partyid7,
      flat,
    ),
  'sblri-blr': ({ X, y }) =>
    normalRegression(X as unknown as number[][], y, { beta: 10, sigma: { law: 'normal', scale: 10 } }),
};

/** Runs all references and returns a row for each. Throws a `DataError` when the folder lacks them. */
export function runReferences(options: ReferenceOptions): ReferenceResult[] {
  const folder = join(options.dataDir, 'posteriordb');
  if (!existsSync(folder)) {
    throw dataError(
      `references: expected ${folder} with a folder per posterior, got none. Set --data-dir or SMILE_DATA.`,
    );
  }
  const rows = Object.entries(MODELS).map(([name, build]) => {
    const info = readJson(join(folder, name, 'info.json')) as Info;
    const target = build(readJson(join(folder, name, info.data_file)) as Data);
    const of = (values: Readonly<Record<string, number>>) => target.names.map((key) => values[key]);
    return compare(
      name,
      target,
      { mean: of(info.mean), square: of(info.mean_squared), deviation: of(info.sd) },
      options,
    );
  });
  return [...rows, germanCredit(options)];
}

interface Info {
  readonly data_file: string;
  readonly mean: Readonly<Record<string, number>>;
  readonly mean_squared: Readonly<Record<string, number>>;
  readonly sd: Readonly<Record<string, number>>;
}

function readJson(path: string): unknown {
  const bytes = readFileSync(path);
  return JSON.parse((path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8'));
}

/** Logistic regression on the German credit data: 24 standardised columns and ones, as the inference gym has it. */
function germanCredit(options: ReferenceOptions): ReferenceResult {
  const folder = join(options.dataDir, 'inference-gym');
  const rows = gunzipSync(readFileSync(join(folder, 'german.data-numeric.gz')))
    .toString('utf8')
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const width = rows[0].length - 1;
  const scaled = Array.from({ length: width }, (_, j) => {
    const mean = rows.reduce((sum, row) => sum + row[j], 0) / rows.length;
    const deviation = Math.sqrt(rows.reduce((sum, row) => sum + (row[j] - mean) ** 2, 0) / rows.length);
    return (x: number) => (x - mean) / deviation;
  });
  const x = Float64Array.from(rows.flatMap((row) => [...scaled.map((scale, j) => scale(row[j])), 1]));
  const labels = rows.map((row) => (row[width] === 2 ? 1 : 0));
  const truth = readJson(join(folder, 'german_credit_numeric_logistic_regression.json')) as Record<
    'IDENTITY_MEAN' | 'IDENTITY_STANDARD_DEVIATION',
    { value: number[] }
  >;
  const mean = truth.IDENTITY_MEAN.value;
  const deviation = truth.IDENTITY_STANDARD_DEVIATION.value;
  const square = mean.map((m, i) => m * m + deviation[i] ** 2);
  return compare('german-credit-logistic', logisticRegression(x, labels), { mean, square, deviation }, options);
}

function compare(
  name: string,
  target: ReferenceTarget,
  reference: Reference,
  { chains, steps, seed }: ReferenceOptions,
): ReferenceResult {
  const warmup = Math.round(steps / 2);
  const root = rootKey(seed);
  const keys = Array.from({ length: chains }, (_, c) => fold(root, c));
  const start = new Float64Array(chains * target.dim);
  for (let c = 0; c < chains; c++) start.set(target.start, c * target.dim);
  const sampler = mclmc({ warmup });
  const state = sampler.init(start, keys);
  const series = target.names.map(() => keys.map(() => new Float64Array(steps)));
  let gradients = 0;
  for (let t = 0; t < warmup + steps; t++) {
    if (t === warmup) sampler.endWarmup(state);
    gradients += stepSync(sampler, state, target, undefined, t).gradients;
    if (t < warmup) continue;
    for (let c = 0; c < chains; c++) {
      target.parameters(state.theta, c * target.dim).forEach((value, j) => {
        series[j][c][t - warmup] = value;
      });
    }
  }
  const average = (chainsOf: readonly Float64Array[], f: (x: number) => number) =>
    chainsOf.reduce((sum, chain) => sum + chain.reduce((part, x) => part + f(x), 0), 0) / (chains * steps);
  const errors = series.map((chainsOf, j) => ({
    mean: Math.abs(average(chainsOf, (x) => x) - reference.mean[j]) / reference.deviation[j],
    square: Math.abs(average(chainsOf, (x) => x * x) / reference.square[j] - 1),
  }));
  const smallestEss = Math.min(...series.map(effectiveSampleSize));
  const meanError = Math.max(...errors.map(({ mean }) => mean));
  const squareError = Math.max(...errors.map(({ square }) => square));
  return {
    name,
    parameters: target.names.length,
    meanError,
    squareError,
    gradientsPerDraw: (chains * gradients) / smallestEss,
    smallestEss,
    gradients: chains * gradients,
    passed: meanError < MEAN_TOLERANCE && squareError < SQUARE_TOLERANCE,
  };
}

/** The rows as Markdown. */
export function referencesTable(rows: readonly ReferenceResult[]): string {
  const lines = rows.map(
    (row) =>
      `| ${row.name} | ${row.parameters} | ${row.meanError.toFixed(3)} | ${(100 * row.squareError).toFixed(1)} % | ` +
      `${row.smallestEss.toFixed(0)} | ${row.gradientsPerDraw.toFixed(1)} | ${row.passed ? 'yes' : '**no**'} |`,
  );
  return [
    '| posterior | parameters | largest error of a mean, sd | of a second moment | smallest ESS | gradients per effective draw | within 0.1 sd and 10 % |',
    '|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}
