/**
 * The paper's UCI regressions: FCN 16-16-16-1, 10 chains, 50,000 + 10,000 steps, thin 10, batch 256.
 *
 * Command:  npm run build && npx tsx bench/uci.ts [--data-dir DIR] [--sets airfoil,energy] [--samplers psmile] …
 * Data:     airfoil.data, energy.data and bikesharing.data (target last) in DIR/uci; DIR is SMILE_DATA or ../shared/data.
 * Cost:     about 40 s a fit on two cores; 36 fits. Results: docs/reproduction.md.
 *
 * Prints a line of JSON per fit and a table of mean ± sd over the seeds at the end.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fit, PAPER_PRESET } from 'smile-bayes';

const { values } = parseArgs({
  options: {
    'data-dir': { type: 'string', default: process.env.SMILE_DATA ?? '../shared/data' },
    sets: { type: 'string', default: 'airfoil,energy,bikesharing' },
    samplers: { type: 'string', default: 'psmile,psmile-naive' },
    protocols: { type: 'string', default: 'all,train' },
    seeds: { type: 'string', default: '1,2,3' },
    'step-size': { type: 'string', default: '0.01' },
  },
});
const list = (text: string) => text.split(',');
const table = new Map<string, { deep: number; lppd: number; rmse: number; seconds: number }[]>();

for (const standardise of list(values.protocols) as ('all' | 'train')[]) {
  for (const set of list(values.sets)) {
    for (const name of list(values.samplers) as ('psmile' | 'psmile-naive')[]) {
      for (const seed of list(values.seeds).map(Number)) {
        const out = mkdtempSync(join(tmpdir(), 'smile-uci-'));
        const began = performance.now();
        const sampler = { ...PAPER_PRESET.sampler, name, stepSize: Number(values['step-size']) };
        const { deepEnsemble, bayesianEnsemble, chains, verdict } = await fit({
          data: join(values['data-dir'], 'uci', `${set}.data`),
          out,
          config: { ...PAPER_PRESET, data: { standardise }, sampler, seed },
        });
        rmSync(out, { recursive: true });
        if (!bayesianEnsemble) throw new Error(`${set}, seed ${seed}: no draws`);
        const seconds = (performance.now() - began) / 1000;
        const { test, valid } = bayesianEnsemble;
        const deep = deepEnsemble.test;
        const stepSizes = chains.map(({ stepSize }) => stepSize);
        console.log(JSON.stringify({ set, name, standardise, seed, seconds, deep, test, valid, stepSizes, verdict }));
        const cell = `${set} | ${name} | ${standardise}`;
        const scores = { deep: deep.lppd, lppd: test.lppd, rmse: test.rmse ?? Number.NaN, seconds };
        table.set(cell, [...(table.get(cell) ?? []), scores]);
      }
    }
  }
}

const summary = (numbers: number[]) => {
  const mean = numbers.reduce((a, b) => a + b, 0) / numbers.length;
  const sd = Math.sqrt(numbers.reduce((s, v) => s + (v - mean) ** 2, 0) / Math.max(1, numbers.length - 1));
  return `${mean.toFixed(3)} ± ${sd.toFixed(3)}`;
};
console.log('| set | sampler | rows for standardising | deep ensemble LPPD | LPPD | RMSE | seconds |');
console.log('|---|---|---|---|---|---|---|');
for (const [cell, runs] of table) {
  const columns = (['deep', 'lppd', 'rmse', 'seconds'] as const).map((key) => summary(runs.map((run) => run[key])));
  console.log(`| ${cell} | ${columns.join(' | ')} |`);
}
