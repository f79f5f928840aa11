/**
 * When does sampling make predictions worse than the deep ensemble it started from? One setting varies at a time, and all
 * variations of a table share their warm-started members (same seed, same rows), so that scores differ by the sampling alone.
 *
 * Command:  npm run build && npx tsx bench/sampling.ts [--data-dir DIR] [--tables mpg,energy,…] [--vary base,longer,…] [--seeds 1,2]
 *           [--chains 4] [--warmup 2000] [--steps 2000] [--rows 1000] [--likelihood gaussian] > sampling.jsonl
 * Data:     DIR/uci and DIR/tables; DIR is SMILE_DATA or ../shared/data. Tables with more than --rows rows are thinned evenly.
 * Cost:     5 to 30 s a fit on two cores. Results: docs/honesty.md and docs/runs.md.
 *
 * Prints a line of JSON per fit and a table of differences, Bayesian ensemble minus deep ensemble, on the test rows.
 */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { type FitConfig, fit } from 'smile-bayes';

/** File, target, and whether the first line names the columns. */
const TABLES = {
  airfoil: { file: 'uci/airfoil.data', target: -1, header: false },
  energy: { file: 'uci/energy.data', target: -1, header: false },
  bikesharing: { file: 'uci/bikesharing.data', target: -1, header: false },
  ionosphere: { file: 'uci/ionosphere.data', target: -1, header: false, task: 'classification' },
  mpg: { file: 'tables/mpg.csv.gz', target: 'mpg', exclude: ['name'] },
  california: { file: 'tables/california.csv.gz', target: 'median_house_value' },
  bechdel: { file: 'tables/bechdel.csv.gz', target: 'domgross', exclude: ['rownames', 'title', 'imdb'] },
  Hitters: { file: 'tables/Hitters.csv.gz', target: 'Salary', exclude: ['rownames'] },
  ames: { file: 'tables/ames.csv.gz', target: 'Sale_Price', exclude: ['rownames'] },
  diamonds: { file: 'tables/diamonds.csv.gz', target: 'price', exclude: ['rownames'] },
  pbc: { file: 'tables/pbc.csv.gz', target: 'status', task: 'classification', exclude: ['rownames', 'id'] },
  titanic: { file: 'tables/titanic.csv.gz', target: 'survived', task: 'classification', exclude: ['alive'] },
} as const satisfies Record<string, { file: string; header?: boolean } & FitConfig['data']>;

/** What differs from the base; numbers of steps are multiples of the base's. */
const VARIATIONS = {
  base: {},
  'longer warm-up': { warmup: 4 },
  'longer sampling': { steps: 4 },
  'both longer': { warmup: 4, steps: 4 },
  'energy target 1e-4': { config: { sampler: { energyTarget: 1e-4 } } },
  'energy target 5e-4': { config: { sampler: { energyTarget: 5e-4 } } },
  'energy target 5e-3': { config: { sampler: { energyTarget: 5e-3 } } },
  'prior scale 0.3': { config: { model: { priorScale: 0.3 } } },
  'prior scale 0.5': { config: { model: { priorScale: 0.5 } } },
  'prior scale 2': { config: { model: { priorScale: 2 } } },
  'batch 32': { config: { sampler: { batchSize: 32 } } },
  repaired: { config: { repair: { share: 0.5 } } },
  'sampler psmile-auto': { config: { sampler: { name: 'psmile-auto' } } },
  'sampler mclmc': { config: { sampler: { name: 'mclmc' } } },
} as const satisfies Record<string, { warmup?: number; steps?: number; config?: FitConfig }>;

type TableName = keyof typeof TABLES;
type VariationName = keyof typeof VARIATIONS;

const { values } = parseArgs({
  options: {
    'data-dir': { type: 'string', default: process.env.SMILE_DATA ?? '../shared/data' },
    tables: { type: 'string', default: Object.keys(TABLES).join() },
    vary: { type: 'string', default: Object.keys(VARIATIONS).join() },
    likelihood: { type: 'string', default: 'gaussian' },
    seeds: { type: 'string', default: '1' },
    chains: { type: 'string', default: '4' },
    warmup: { type: 'string', default: '2000' },
    steps: { type: 'string', default: '2000' },
    rows: { type: 'string', default: '1000' },
    workers: { type: 'string', default: '1' },
  },
});

/** The rows of a table as text, thinned evenly to at most `most`. */
function thinned({ file, ...about }: (typeof TABLES)[TableName], most: number): string {
  const bytes = readFileSync(join(values['data-dir'], file));
  const lines = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().trimEnd().split(/\r?\n/);
  const head = 'header' in about ? [] : lines.splice(0, 1);
  const count = Math.min(most, lines.length);
  const kept = Array.from({ length: count }, (_, i) => lines[Math.floor((i * lines.length) / count)]);
  return `${[...head, ...kept].join('\n')}\n`;
}

async function one(table: TableName, variation: VariationName, seed: number) {
  const { file: _, ...data } = TABLES[table];
  const {
    warmup = 1,
    steps = 1,
    config = {},
  }: { warmup?: number; steps?: number; config?: FitConfig } = VARIATIONS[variation];
  const folder = await mkdtemp(join(tmpdir(), 'smile-sampling-'));
  try {
    await writeFile(join(folder, 'table'), thinned(TABLES[table], Number(values.rows)));
    const began = performance.now();
    const classes = 'task' in data && data.task === 'classification';
    const { deepEnsemble, bayesianEnsemble, chains, convergence, repairs } = await fit({
      data: join(folder, 'table'),
      out: join(folder, 'run'),
      workers: Number(values.workers),
      config: {
        data: { ...data, ...('exclude' in data && { exclude: [...data.exclude] }) },
        model: { ...(!classes && { likelihood: values.likelihood as 'auto' }), ...config.model },
        repair: { share: 0, ...config.repair },
        sampler: {
          ...config.sampler,
          warmup: warmup * Number(values.warmup),
          steps: steps * Number(values.steps),
          thin: 10 * steps,
        },
        chains: Number(values.chains),
        seed,
      },
    });
    if (!bayesianEnsemble) throw new Error(`${table}, ${variation}: no draws`);
    return {
      table,
      variation,
      likelihood: values.likelihood,
      seed,
      seconds: (performance.now() - began) / 1000,
      deep: deepEnsemble,
      bayes: bayesianEnsemble,
      stepSizes: chains.map(({ stepSize }) => stepSize),
      travelled: chains.map(({ travelled }) => travelled),
      repairs,
      chainRhat: convergence?.chainRhat,
      chainMeans: convergence?.chainMeans,
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

const fits: Awaited<ReturnType<typeof one>>[] = [];
for (const seed of values.seeds.split(',').map(Number)) {
  for (const variation of values.vary.split(',') as VariationName[]) {
    for (const table of values.tables.split(',') as TableName[]) {
      const done = await one(table, variation, seed);
      console.log(JSON.stringify(done));
      fits.push(done);
    }
  }
}

const mean = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
console.log('\n| variation | table | LPPD − deep | RMSE or error / deep | drifting chains |\n|---|---|---|---|---|');
for (const name of new Set(fits.map(({ variation, table }) => `${variation} | ${table}`))) {
  const group = fits.filter(({ variation, table }) => name === `${variation} | ${table}`);
  const loss = ({ rmse, accuracy = 0 }: { rmse?: number; accuracy?: number }) => rmse ?? 1 - accuracy;
  const gain = mean(group.map(({ bayes, deep }) => bayes.test.lppd - deep.test.lppd));
  const ratio = mean(group.map(({ bayes, deep }) => loss(bayes.test) / loss(deep.test)));
  const drifting = mean(group.map(({ chainRhat = [] }) => chainRhat.filter((r) => r > 1.5).length));
  console.log(`| ${name} | ${gain.toFixed(3)} | ${ratio.toFixed(3)} | ${drifting} |`);
}
