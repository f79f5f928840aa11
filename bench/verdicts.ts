/**
 * Is the verdict right? Many tables, three splits each: a fit gives its verdict, then labelled rows that it never saw say whether the
 * predictions hold on them.
 *
 * Command:  npx tsx bench/verdicts.ts [--data-dir DIR] [--only NAME,…] [--splits 3] [--workers 2] [--out verdicts.jsonl]
 * Data:     DIR/uci and DIR/tables; DIR is SMILE_DATA or ../shared/data. Fits get at most 1,000 rows; 30 % of a public table (at most
 *           3,000 rows), or 2,000 generated rows, are kept apart.
 * Fits:     3 chains, 1,500 + 600 steps, thinned by 6, networks of 16-16, at most 60 epochs, otherwise the defaults.
 * Cost:     about 4 s of one core a fit. What is in --out already is not fitted again. Results: docs/honesty.md.
 *
 * The truth, fixed before the first fit. On the rows kept apart the predictions do NOT hold if
 *   1. the 90 % intervals hold less than 85 %, or in a fifth of the predicted mean less than 80 % (and chance, P < 0.01, does not
 *      explain it); for classes, if the predicted one is right 5 points less often than its probabilities promise, or in a fifth of
 *      confidence by more than as many points as the errors promised (at least 3, at most 10), by the same P; or
 *   2. the LPPD is 0.1 nats per row or more below that of a constant, or of the deep ensemble that the chains started from; or
 *   3. the RMSE is 1.1 times a constant's or more.
 * A verdict of "no" over predictions that hold is a false alarm, "yes" over others a miss; "too few rows to tell" is neither.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { evaluate, score } from '../src/answers/evaluate.ts';
import type { PointwiseScores } from '../src/answers/scores.ts';
import { constantDensities } from '../src/answers/verdict/constant.ts';
import { fit } from '../src/control/fit.ts';
import { tableFromRows } from '../src/data/table/table.ts';
import { binomialCdf } from '../src/infer/binomial.ts';
import { deepEnsemble } from '../src/spec/deep-ensemble.ts';
import { encodeHeldOut } from '../src/spec/held-out.ts';
import { loadData, loadRun } from '../src/spec/opened.ts';
import { readEnsemble } from '../src/spec/predictor.ts';
import { type FitConfig, mergeConfigs } from '../src/spec/spec.ts';
import { runPaths } from '../src/store/rundir.ts';
import { type BenchTable, benchTables, type Row } from './verdict-tables.ts';

const { values } = parseArgs({
  options: {
    'data-dir': { type: 'string', default: process.env.SMILE_DATA ?? '../shared/data' },
    only: { type: 'string' },
    splits: { type: 'string', default: '3' },
    workers: { type: 'string', default: '1' },
    out: { type: 'string', default: 'verdicts.jsonl' },
    /** Folder that keeps the runs: a later call with another --out judges them again and fits nothing. */
    runs: { type: 'string' },
    /** "k/n": this process takes every n-th fit from the k-th on. */
    part: { type: 'string', default: '0/1' },
  },
});

const SMALL: FitConfig = {
  model: { hidden: [16, 16] },
  warmStart: { epochs: 60 },
  sampler: { warmup: 1500, steps: 600, thin: 6 },
  chains: 3,
};

interface Line {
  readonly table: string;
  readonly split: number;
  readonly answers: readonly string[];
  readonly findings: readonly string[];
  /** What shows that the predictions do not hold; empty where they do. */
  readonly faults: readonly string[];
  readonly numbers: Readonly<Record<string, number | readonly number[]>>;
  /** Whether the planted fault was found. */
  readonly found?: boolean;
  readonly likelihood?: string;
  readonly refused?: string;
  readonly seconds: number;
}

const P = 0.01;
const short = (kept: number, rows: number, promised: number, least: number, p: number) =>
  kept / rows < least && binomialCdf(kept, rows, promised) < p;

function fifths(by: ArrayLike<number>): number[][] {
  const order = Array.from(by, (_, i) => i).sort((a, b) => by[a] - by[b]);
  const at = (k: number) => Math.round((k * order.length) / 5);
  return [0, 1, 2, 3, 4].map((k) => order.slice(at(k), at(k + 1)));
}
const sum = (rows: readonly number[], of: (i: number) => number) => rows.reduce((total, i) => total + of(i), 0);

/** What is wrong with the predictions of rows kept apart, and the numbers that say so. */
async function truth(dir: string, apart: Row[]): Promise<Pick<Line, 'faults' | 'numbers'>> {
  const run = loadRun(dir);
  const data = loadData(run);
  const { target } = run.preprocessing;
  const known = 'classes' in target ? apart.filter((row) => target.classes.includes(String(row[target.name]))) : apart;
  const { x, y } = encodeHeldOut(run.preprocessing, tableFromRows(known));
  const rows = { ...data.test, x, y };
  const bayes = await score(run, rows, readEnsemble(run));
  const deep = await score(run, rows, await deepEnsemble(run, data.valid));
  const constant = constantDensities(data, y, target);
  const faults: string[] = [];
  const all = Array.from(y, (_, i) => i);
  const lost = (other: ArrayLike<number>) => sum(all, (i) => bayes.pointwise[i] - other[i]) / y.length;
  const [start, flat] = [lost(deep.pointwise), lost(constant)];
  if (start <= -0.1) faults.push('worse than the start');
  if (flat <= -0.1) faults.push('worse than a constant');
  const numbers = { lppd: bayes.lppd, start, constant: flat };
  const { shares, ...own } = bayes.numbers ? intervals(bayes.numbers, y, data.train.y) : confidences(bayes.classes!);
  return { faults: [...own.faults, ...faults], numbers: { ...numbers, shares } };
}

function intervals({ mean, pit }: NonNullable<PointwiseScores['numbers']>, y: Float64Array, trained: Float64Array) {
  const faults: string[] = [];
  const held = (rows: readonly number[]) => sum(rows, (i) => Number(Math.abs(pit[i] - 0.5) <= 0.45));
  const all = Array.from(y, (_, i) => i);
  const parts = fifths(mean);
  if (short(held(all), y.length, 0.9, 0.85, P)) faults.push('too narrow');
  if (parts.some((part) => short(held(part), part.length, 0.9, 0.8, P / 5))) faults.push('too narrow in a fifth');
  const centre = trained.reduce((a, b) => a + b, 0) / trained.length;
  if (sum(all, (i) => (y[i] - mean[i]) ** 2) >= 1.21 * sum(all, (i) => (y[i] - centre) ** 2)) faults.push('RMSE');
  return { faults, shares: [all, ...parts].map((part) => held(part) / part.length) };
}

function confidences({ confidence, correct }: NonNullable<PointwiseScores['classes']>) {
  const all = Array.from(confidence, (_, i) => i);
  const groups = [all, ...fifths(confidence)].map((rows, k) => {
    const promised = sum(rows, (i) => confidence[i]) / rows.length;
    const room = k === 0 ? 0.05 : Math.min(0.1, Math.max(0.03, 1 - promised));
    const kept = sum(rows, (i) => correct[i]);
    return {
      gap: promised - kept / rows.length,
      fault: short(kept, rows.length, promised, promised - room, k ? P / 5 : P),
    };
  });
  const faults = groups.some(({ fault }) => fault) ? ['over-confident'] : [];
  return { faults, shares: groups.map(({ gap }) => gap) };
}

async function one(table: BenchTable, split: number): Promise<Line> {
  const began = performance.now();
  const folder = values.runs ?? mkdtempSync(join(tmpdir(), 'smile-verdicts-'));
  const dir = join(folder, `${table.name.replaceAll(/[^A-Za-z0-9]+/g, '-')}-${split}`);
  const { fit: data, apart } = table.rows(split);
  const config = mergeConfigs(mergeConfigs(SMALL, table.config ?? {}), { data: { target: table.target }, seed: split });
  const seconds = () => Math.round((performance.now() - began) / 100) / 10;
  const named = { table: table.name, split };
  try {
    const known = existsSync(runPaths(dir).result);
    const { verdict } = known ? await evaluate(dir) : await fit({ data, out: dir, config, workers: 0, force: true });
    const { predictions, sampling, table: seen } = verdict;
    const answers = [predictions, sampling, seen].map((answer) => answer?.answer ?? '');
    const findings = [predictions, sampling, seen].flatMap((answer) => answer?.findings ?? []);
    const [which, check] = table.planted ?? [];
    const found = which && verdict[which]?.findings.some((f) => f.check === check && (f.turns || f.few));
    const told = findings.filter(({ turns, few }) => turns || few).map(({ check, message }) => `${check}: ${message}`);
    const { likelihood } = loadRun(dir).spec.model;
    const seenThere = await truth(dir, apart);
    return {
      ...named,
      answers,
      findings: told,
      ...seenThere,
      ...(which && { found: found === true }),
      likelihood,
      seconds: seconds(),
    };
  } catch (error) {
    const refused = error instanceof Error ? error.message : String(error);
    return { ...named, answers: [], findings: [], faults: [], numbers: {}, refused, seconds: seconds() };
  } finally {
    if (values.runs === undefined) rmSync(folder, { recursive: true });
  }
}

const asked = values.only?.split(',');
const tables = benchTables(values['data-dir']).filter(({ name }) => !asked || asked.includes(name));
const [part, parts] = values.part.split('/').map(Number);
const read = (): Line[] =>
  existsSync(values.out)
    ? readFileSync(values.out, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Line)
    : [];
/** A process of its own for each part, since a fit keeps one core busy. */
const inParts = (count: number) =>
  Promise.all(
    Array.from({ length: count }, (_, k) => {
      const own = process.argv.slice(2).filter((arg, i, all) => arg !== '--workers' && all[i - 1] !== '--workers');
      const child = spawn(process.execPath, [...process.execArgv, process.argv[1], ...own, '--part', `${k}/${count}`]);
      child.stderr.pipe(process.stderr);
      return new Promise((done) => child.on('exit', done));
    }),
  );

if (Number(values.workers) > 1) await inParts(Number(values.workers));
else {
  const done = new Set(read().map(({ table, split }) => `${table} ${split}`));
  const jobs = Array.from({ length: Number(values.splits) }, (_, s) =>
    tables.map((table) => ({ table, split: s + 1 })),
  ).flat();
  for (const { table, split } of jobs.filter((_, i) => i % parts === part)) {
    if (done.has(`${table.name} ${split}`)) continue;
    appendFileSync(values.out, `${JSON.stringify(await one(table, split))}\n`);
  }
}

/** The table, a line per table of data, and the two rates. */
function summary(lines: readonly Line[]): string {
  const rate = (hits: number, of: number) => `${hits} of ${of} (${((100 * hits) / Math.max(1, of)).toFixed(1)} %)`;
  const judged = lines.filter(({ refused }) => refused === undefined);
  const held = judged.filter(({ faults }) => faults.length === 0);
  const broken = judged.filter(({ faults }) => faults.length > 0);
  const answered = (set: readonly Line[], answer: string) => set.filter(({ answers }) => answers[0] === answer).length;
  const planted = lines.filter(({ found }) => found !== undefined);
  const rows = [...new Set(lines.map(({ table }) => table))].map((name) => {
    const own = lines.filter(({ table }) => table === name);
    const cells = own.map(({ answers, faults, refused }) =>
      refused !== undefined
        ? 'refused'
        : `${answers[0]?.startsWith('too few') ? 'too few' : answers[0]} / ${faults.length === 0 ? 'holds' : faults.join(', ')}`,
    );
    return `| ${name} | ${cells.join(' | ')} |`;
  });
  return [
    '| table | verdict / truth, first split | second | third |',
    '|---|---|---|---|',
    ...rows,
    '',
    `predictions hold: ${rate(answered(held, 'no'), held.length)} were told no, ${answered(held, 'yes')} yes, ${held.length - answered(held, 'yes') - answered(held, 'no')} too few rows`,
    `predictions do not hold: ${rate(answered(broken, 'yes'), broken.length)} were told yes, ${answered(broken, 'no')} no, ${broken.length - answered(broken, 'yes') - answered(broken, 'no')} too few rows`,
    `planted faults found: ${rate(planted.filter(({ found }) => found).length, planted.length)}`,
  ].join('\n');
}
if (values.part === '0/1') console.log(summary(read()));
