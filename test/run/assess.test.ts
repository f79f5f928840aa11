import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { assess } from '../../src/answers/assess.ts';
import { normals, uniforms } from '../../src/math/random.ts';
import { built } from '../built.ts';
import { said } from '../verdict.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-assess-'));
const ROWS = 3000;
const random = (seed: number) => {
  const v = new Float64Array(ROWS);
  normals([seed, 81], v);
  return v;
};
const options = { level: 0.9, calibration: 0.5, seed: 1 };

/** y ~ N(f, 1), three members around f that say `sd`. */
function regressionColumns(sd: number): Record<string, Float64Array> {
  const f = random(1);
  const y = random(2).map((e, i) => f[i] + e);
  const members = [3, 4, 5].map((seed) => random(seed).map((e, i) => f[i] + 0.1 * e));
  return {
    y,
    ...Object.fromEntries(
      members.flatMap((mean, k) => [
        [`mean_${k}`, mean],
        [`sd_${k}`, mean.map(() => sd)],
      ]),
    ),
  };
}
const csv = (columns: Record<string, ArrayLike<number | string>>) =>
  [
    Object.keys(columns).join(','),
    ...Array.from({ length: ROWS }, (_, i) =>
      Object.values(columns)
        .map((c) => c[i])
        .join(','),
    ),
  ].join('\n');
const write = (name: string, content: string | Uint8Array) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const parquet = (columns: Record<string, Float64Array>) =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: Object.entries(columns).map(([name, data]) => ({ name, data, type: 'DOUBLE' as const })),
    }),
  );

describe('assess', () => {
  it('trusts an honest ensemble, and says the same of Parquet and CSV', async () => {
    const honest = await assess(write('honest.parquet', parquet(regressionColumns(1))), options);
    expect(honest.verdict).toMatchObject({ trusted: true, predictions: { answer: 'yes', findings: [] } });
    expect(honest.members).toBe(3);
    expect(Math.abs((honest.recalibration?.scale ?? Number.NaN) - 1)).toBeLessThan(0.06);
    expect(Math.abs((honest.recalibration?.coverage ?? Number.NaN) - 0.9)).toBeLessThan(0.04);
    const text = await assess(write('honest.csv', csv(regressionColumns(1))), options);
    expect(text.scores.lppd).toBe(honest.scores.lppd);
    expect(text.recalibration).toEqual(honest.recalibration);
  });

  it('calls a too sure and a too timid one by name, and mends both', async () => {
    const sure = await assess(write('sure.parquet', parquet(regressionColumns(0.5))), options);
    expect(said(sure.verdict).reasons).toContain('too narrow');
    expect(Math.abs((sure.recalibration?.scale ?? Number.NaN) - 2)).toBeLessThan(0.15);
    expect(Math.abs((sure.recalibration?.coverage ?? Number.NaN) - 0.9)).toBeLessThan(0.04);
    const timid = await assess(write('timid.parquet', parquet(regressionColumns(2))), options);
    expect(timid.verdict.trusted).toBe(true);
    expect(said(timid.verdict).notes).toContain('wider than they need be');
  });

  it('takes classifiers: over-confidence is said and the temperature found', async () => {
    const logit = random(6);
    const u = new Float64Array(ROWS);
    uniforms([7, 81], u);
    const y = Array.from(logit, (z, i) => (u[i] < 1 / (1 + Math.exp(-z)) ? 'yes' : 'no'));
    const columns = (sharpness: number) => {
      const p = logit.map((z) => 1 / (1 + Math.exp(-sharpness * z)));
      return { y, p_0_yes: p, p_0_no: p.map((q) => 1 - q), p_1_yes: p, p_1_no: p.map((q) => 1 - q) };
    };
    const fair = await assess(write('fair.csv', csv(columns(1))), options);
    expect(fair.verdict.trusted).toBe(true);
    expect(fair.members).toBe(2);
    const over = await assess(write('over.csv', csv(columns(3))), options);
    expect(said(over.verdict).reasons).toContain('over-confident');
    expect(Math.abs((over.recalibration?.scale ?? Number.NaN) - 3)).toBeLessThan(0.4);
    expect(Math.abs((over.recalibration?.coverage ?? Number.NaN) - 0.9)).toBeLessThan(0.04);
  });

  it('tells rows from elsewhere by the uncertainty of the same members', async () => {
    const { y: _y, ...columns } = regressionColumns(1);
    const spread = Object.fromEntries(
      Object.entries(columns).map(([name, v], k) => [name, name.startsWith('mean') ? v.map((x) => x + k) : v]),
    );
    const path = write('own.parquet', parquet(regressionColumns(1)));
    const ood = write('elsewhere.parquet', parquet(spread));
    const { outOfDistribution } = await assess(path, { ...options, ood });
    expect(outOfDistribution?.auroc.epistemic).toBeGreaterThan(0.99);
    expect(outOfDistribution?.auroc.aleatoric).toBe(0.5);
    const other = write('classes.csv', 'p_0_a,p_0_b\n0.5,0.5\n0.5,0.5');
    await expect(assess(path, { ...options, ood: other })).rejects.toThrow(
      'expected a regression as in the first file',
    );
  });

  it('says what is missing', async () => {
    const { y: _y, ...rest } = regressionColumns(1);
    await expect(assess(write('a.parquet', parquet(rest)), options)).rejects.toThrow('expected a column y');
    const { sd_1: _sd, ...gap } = regressionColumns(1);
    await expect(assess(write('b.parquet', parquet(gap)), options)).rejects.toThrow('expected a column sd_1');
    await expect(assess(write('c.csv', 'y,mean_0,sd_0\n1,2,1\n1,x,1'), options)).rejects.toThrow(
      'column mean_0, row 2, got "x"',
    );
    await expect(assess(write('d.parquet', 'no'), options)).rejects.toThrow('expected a Parquet file');
    await expect(assess(write('e.csv', 'y,p_0_a,p_0_b\na,0.5,0.5\nc,0.5,0.5'), options)).rejects.toThrow(
      "got 'c' in row 2",
    );
    await expect(assess(write('f.csv', 'y,q\n1,2\n2,3'), options)).rejects.toThrow('expected columns mean_<k>');
  });

  const fixture = (name: string) => join('test', 'fixtures', 'predictions', name);

  it('reads Parquet packed in any usual way, whatever its name', async () => {
    const scores = [];
    for (const packed of ['zstd', 'gzip', 'brotli', 'lz4']) {
      scores.push((await assess(fixture(`c_${packed}.parquet`), options)).scores.lppd);
    }
    expect(new Set(scores).size).toBe(1);
    expect(Number.isFinite(scores[0])).toBe(true);
    const named = write('members.pq', readFileSync(fixture('c_zstd.parquet')));
    expect((await assess(named, options)).scores.lppd).toBe(scores[0]);
  });

  it('refuses damaged Parquet with words of its own, wherever the damage lies', async () => {
    const whole = readFileSync(fixture('c_zstd.parquet'));
    const refused: string[] = [];
    for (let k = 0; k < 60; k++) {
      const bytes = Uint8Array.from(k % 3 === 0 ? whole.subarray(0, 40 + k * 390) : whole);
      const at = (k * 7919 + 4) % bytes.length;
      if (k % 3 > 0) for (let i = at; i < Math.min(at + 8, bytes.length); i++) bytes[i] ^= 0xa5;
      await assess(write('damaged.parquet', bytes), options).catch((error) => refused.push(String(error)));
    }
    expect(refused.length).toBeGreaterThan(30);
    for (const message of refused) expect(message).toMatch(/^DataError: .*damaged\.parquet.*: expected .*, got /s);
  });

  it('names a missing observation, and leaves out what is missing of a member', async () => {
    await expect(assess(fixture('nully.parquet'), options)).rejects.toThrow(
      'expected a number in column y, row 6, got null',
    );
    const gaps = regressionColumns(1);
    gaps.mean_1[7] = Number.NaN;
    const { notes, scores, verdict } = await assess(write('gaps.parquet', parquet(gaps)), options);
    expect(notes.join()).toContain('in 1 of 3000 rows of member 1; those predictions were left out');
    expect([scores.usable[7], scores.usable[8], scores.members]).toEqual([2, 3, 3]);
    expect(verdict.trusted).toBe(true);
    const text = await assess(write('gaps.csv', csv(gaps)), options);
    expect(text.scores.lppd).toBe(scores.lppd);
  });

  it('says that σ must be positive', async () => {
    const { notes, verdict, scores } = await assess(fixture('sd0.parquet'), options);
    expect(notes).toEqual([
      'σ must be positive, and is not in 400 of 400 rows of member 2; those predictions were left out',
    ]);
    expect([verdict.trusted, scores.members]).toEqual([false, 3]);
  });

  it('does not trust what gives an observed class the probability 0', async () => {
    const { scores, verdict, recalibration } = await assess(fixture('hardwrong.parquet'), options);
    expect(scores.lppd).toBe(-Infinity);
    expect(verdict.trusted).toBe(false);
    expect(verdict.predictions.findings[0].message).toContain('held to be impossible');
    expect(recalibration?.scale).toBeLessThan(10);
  });

  it('cannot tell from one row', async () => {
    const { verdict, recalibration, notes } = await assess(fixture('one.parquet'), options);
    expect(verdict.predictions.answer).toBe('too few rows to tell');
    expect(recalibration).toBeUndefined();
    expect(notes.join()).toContain('needs 9 calibration rows and a test row, and there are');
  });

  it('divides rounded probabilities by their sum, and refuses what is none', async () => {
    const { notes, scores } = await assess(fixture('cls_rounded.csv'), options);
    expect(notes.join()).toMatch(
      /predictions sum to 0\.99\d+ … 1\.00\d*: they are rounded, and were divided by their sum/,
    );
    expect(Number.isFinite(scores.lppd)).toBe(true);
    const logits = write('logits.csv', 'y,p_0_a,p_0_b\na,0.5,0.9\nb,0.5,0.5');
    await expect(assess(logits, options)).rejects.toThrow('that sum to 1 in row 1, got 1.4');
    const negative = write('negative.csv', 'y,p_0_a,p_0_b\na,0.5,0.5\nb,-0.5,1.5');
    await expect(assess(negative, options)).rejects.toThrow('expected a probability in column p_0_a, row 2, got -0.5');
  });

  it('takes 1.0 for 1 and true for True', async () => {
    for (const name of ['clsfloat.csv', 'clsbool.parquet']) {
      const { scores } = await assess(fixture(name), options);
      expect((scores as { accuracy?: number }).accuracy).toBeGreaterThan(0.5);
    }
  });

  it('is a command with a report and the exit code of its verdict', () => {
    const out = join(folder, 'report.html');
    const run = (name: string) =>
      spawnSync(process.execPath, [built('cli.js'), 'assess', join(folder, name), '-o', out, '--json', '--quiet'], {
        encoding: 'utf8',
      });
    const fine = run('honest.parquet');
    expect(fine.status).toBe(0);
    expect(JSON.parse(fine.stdout)).toMatchObject({ task: 'regression', members: 3, verdict: { trusted: true } });
    expect(readFileSync(out, 'utf8')).toContain('can this ensemble be trusted?');
    expect(run('sure.parquet').status).toBe(2);
  });
});
