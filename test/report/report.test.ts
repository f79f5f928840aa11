import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { outOfDistribution } from '../../src/answers/ood.ts';
import { fit } from '../../src/control/fit.ts';
import { demoCsv } from '../../src/data/demo.ts';
import { functionSpace } from '../../src/infer/function-space.ts';
import { normals } from '../../src/math/random.ts';
import { normalCdf } from '../../src/math/special.ts';
import { collectReport, type Report } from '../../src/report/collect.ts';
import { figures } from '../../src/report/figures.ts';
import { pageHtml } from '../../src/report/html.ts';
import { pageMarkdown } from '../../src/report/markdown.ts';
import { runPage } from '../../src/report/text.ts';
import { withRun } from '../../src/spec/opened-run.ts';
import type { MemberPrediction } from '../../src/spec/prediction.ts';
import type { FitConfig } from '../../src/spec/spec.ts';
import { built } from '../built.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-report-'));
const data = join(folder, 'demo.csv');
writeFileSync(data, demoCsv(1, 300));
const config: FitConfig = {
  model: { hidden: [8, 8], likelihood: 'gaussian-per-input' },
  warmStart: { epochs: 60 },
  sampler: { warmup: 1500, steps: 1600, thin: 20, batchSize: 64 },
  chains: 3,
  seed: 4,
};

describe('a report', () => {
  let report: Report;
  beforeAll(async () => {
    await fit({ data, out: join(folder, 'run'), config, workers: 0 });
    report = await collectReport(join(folder, 'run'));
  });

  it('agrees with the evaluation where all draws are kept', () => {
    const { evaluation, overDraws, overChains, gain, chainLppd, regression } = report;
    const { deepEnsemble, bayesianEnsemble } = evaluation;
    expect(overDraws.at(-1)?.count).toBe(240);
    for (const end of [overDraws.at(-1), overChains.at(-1)]) {
      expect(end?.lppd).toBeCloseTo(bayesianEnsemble?.test.lppd ?? Number.NaN, 5);
    }
    expect(gain?.mean).toBeCloseTo((bayesianEnsemble?.test.lppd ?? 0) - deepEnsemble.test.lppd, 5);
    expect(gain?.interval[0]).toBeLessThan(gain?.mean ?? Number.NaN);
    expect(chainLppd.length).toBe(3);
    const ninety = regression?.pit.filter((u) => Math.abs(u - 0.5) <= 0.45).length;
    expect((ninety ?? 0) / 60).toBeCloseTo(bayesianEnsemble?.test.coverage?.[2].observed ?? Number.NaN, 12);
  });

  it('has the CRPS of members of all chains, as an integral of their distribution gives it', async () => {
    const crps = await withRun(join(folder, 'run'), async (run) => {
      const { test } = run.data;
      const members: MemberPrediction[] = [];
      for await (const member of run.predict(test.asked(), run.draws())) members.push(member);
      const some = Array.from({ length: 100 }, (_, k) => members[Math.floor(((k + 0.5) * members.length) / 100)]);
      const STEP = 0.005;
      const integral = (i: number) => {
        let sum = 0;
        for (let x = -12; x < 12; x += STEP) {
          const below = some.reduce((total, { mean, sd }) => total + normalCdf((x - mean[i]) / sd[i]), 0) / some.length;
          sum += (below - (x >= test.y[i] ? 1 : 0)) ** 2 * STEP;
        }
        return sum;
      };
      const { sd } = run.preprocessing.target as { sd: number };
      return (sd * Array.from(test.y, (_, i) => integral(i)).reduce((a, b) => a + b, 0)) / test.y.length;
    });
    expect(Math.abs((report.regression?.crps ?? Number.NaN) / crps - 1)).toBeLessThan(2e-3);
  });

  it('measures the gradient noise of every chain', () => {
    for (const { noise } of report.evaluation.chains) {
      expect(noise?.samples).toBeGreaterThan(100);
      const spread = (t: readonly [number, number, number]) => t[2] / t[0];
      expect(spread(noise?.sampled ?? [1, 1, 1])).toBeLessThan(spread(noise?.plain ?? [1, 1, 1]));
    }
  });

  it('is one file without links, verdict first, a sentence under every figure', () => {
    const html = pageHtml(runPage(report));
    expect(html.indexOf('class="verdict')).toBeLessThan(html.indexOf('<figure'));
    expect(html).not.toMatch(/(src|href)="http/);
    expect(html).toContain('prefers-color-scheme: dark');
    const drawn = figures(report);
    expect(drawn.map(({ title }) => title)).toContain('Gradient noise');
    for (const { says, svg } of drawn) {
      expect(says.length).toBeGreaterThan(40);
      expect(svg).toContain('</svg>');
      expect(svg).not.toContain('NaN');
    }
    expect(drawn.map(({ title }) => title)).toContain('Energy errors');
    const markdown = pageMarkdown(runPage(report));
    for (const row of [
      '| psmile (sound) | test | 240 |',
      '| single network, mean | test | 1 |',
      '| validation log likelihood |',
      '| prediction at a probe row (median) |',
      '| root mean square of weight1 |',
    ]) {
      expect(markdown).toContain(row);
    }
  });

  it('finds rows from far away strange, and rows of its own kind not', async () => {
    const away = join(folder, 'away.csv');
    writeFileSync(away, `x\n${Array.from({ length: 50 }, (_, i) => 8 + 0.1 * i).join('\n')}\n`);
    const { ood } = await collectReport(join(folder, 'run'), { ood: away });
    expect(ood?.auroc.epistemic).toBeGreaterThan(0.95);
    const page = runPage({ ...report, ...(ood && { ood }) });
    expect(page.figures.map(({ title }) => title)).toContain('Rows from elsewhere');
    expect(page.findings.join('\n')).toContain('look strange to it with AUROC');
    const own = await withRun(join(folder, 'run'), (run) => outOfDistribution(run, data));
    expect(Math.abs(own.auroc.epistemic - 0.5)).toBeLessThan(0.1);
  });

  it('is written by the command, with the exit code of the verdict', () => {
    const ran = spawnSync(process.execPath, [built('cli.js'), 'report', join(folder, 'run')], { encoding: 'utf8' });
    expect(ran.status).toBe(report.evaluation.verdict.trusted ? 0 : 2);
    expect(readFileSync(join(folder, 'run', 'report.html'), 'utf8')).toContain('can this posterior be trusted?');
    expect(readFileSync(join(folder, 'run', 'report.md'), 'utf8')).toContain('## Chains');
  });
});

describe('function space', () => {
  const noise = (seed: number, n: number, shift = 0) => {
    const v = new Float64Array(n);
    normals([seed, 61], v);
    return v.map((z) => shift + 0.1 * z);
  };

  it('finds the chain that explains the data far worse, and none among equals', () => {
    const good = [0, 1, 2, 3].map((seed) => noise(seed, 200));
    expect(functionSpace(good)?.outliers).toEqual([]);
    expect(functionSpace([...good, noise(9, 200, -3)])?.outliers).toEqual([4]);
  });

  it('sees a chain that drifts', () => {
    const drifting = noise(5, 200).map((v, t) => v + t / 100);
    const found = functionSpace([noise(1, 200), drifting]);
    expect(found?.chainRhat[0]).toBeLessThan(1.1);
    expect(found?.chainRhat[1]).toBeGreaterThan(1.5);
    expect(functionSpace([noise(1, 3)])).toBeUndefined();
  });
});
