/**
 * Is the verdict right? Many tables, three splits each: a fit gives its verdict, then labelled rows that it never saw say whether the
 * predictions hold on them.
 *
 * Command:  npx tsx bench/verdicts.ts [--data-dir DIR] [--only 'NAME;…'] [--splits 3] [--workers 2] [--out verdicts.jsonl] [--runs FOLDER]
 * Data:     DIR/uci and DIR/tables; DIR is SMILE_DATA or ../shared/data. Fits get at most 1,000 rows; 30 % of a public table (at most
 *           3,000 rows), or 2,000 generated rows, are kept apart.
 * Fits:     3 chains, 1,500 + 600 steps, thinned by 6, networks of 16-16, at most 60 epochs, otherwise the defaults.
 * Cost:     about 4 s of one core a fit. What is in --out already is not fitted again; runs in --runs are judged again. Results: docs/honesty.md.
 *
 * Truth:    bench/verdict-truth.ts. The predictions hold where every limit is kept clearly, and do not where one is passed clearly; fits
 *           between are borderline and told apart, and so is data whose law changes after the fit.
 *
 * A verdict of "no" over predictions that hold is a false alarm, "yes" over others a miss; "too few rows to tell" is neither.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { evaluate, score } from '../src/answers/evaluate.ts';
import { constantDensities } from '../src/answers/verdict/constant.ts';
import { fit } from '../src/control/fit.ts';
import { ofTable } from '../src/data/learned.ts';
import { tableFromRows } from '../src/data/table/columns.ts';
import { tableRows } from '../src/data/table/rows.ts';
import { encodeHeldOut } from '../src/spec/held-out.ts';
import { loadRun } from '../src/spec/loaded-run.ts';
import { type OpenedRun, withRun } from '../src/spec/opened-run.ts';
import { type FitConfig, mergeConfigs } from '../src/spec/spec.ts';
import { runPaths } from '../src/store/rundir.ts';
import { type BenchTable, benchTables, type Row } from './verdict-tables.ts';
import { type Truth, truthOf } from './verdict-truth.ts';

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

interface Line extends Truth {
  readonly table: string;
  readonly split: number;
  readonly answers: readonly string[];
  readonly findings: readonly string[];
  readonly shift?: true;
  /** Whether the planted fault was found. */
  readonly found?: boolean;
  readonly likelihood?: string;
  readonly refused?: string;
  readonly seconds: number;
}

/** What rows kept apart say of a run. */
async function truth(run: OpenedRun, apart: Row[]): Promise<Truth> {
  const { data } = run;
  const { preprocessing } = run;
  if (!ofTable(preprocessing)) throw new TypeError('expected a table');
  const { target } = preprocessing;
  const known = 'classes' in target ? apart.filter((row) => target.classes.includes(String(row[target.name]))) : apart;
  const { x, y } = encodeHeldOut(preprocessing, tableFromRows(known));
  const { inputs, targets } = data.test;
  const rows = tableRows({ x, y, inputs, targets });
  const { pointwise, numbers, classes } = await score(run, rows, run.draws());
  const start = (await score(run, rows, await run.deepEnsemble())).pointwise;
  const centre = data.train.y.reduce((a, b) => a + b, 0) / data.train.y.length;
  const constant = constantDensities(data, y, target);
  return truthOf({ y, centre, pointwise, start, constant, ...(numbers && { numbers }), ...(classes && { classes }) });
}

async function one(table: BenchTable, split: number): Promise<Line> {
  const began = performance.now();
  const folder = values.runs ?? mkdtempSync(join(tmpdir(), 'smile-verdicts-'));
  const dir = join(folder, `${table.name.replaceAll(/[^A-Za-z0-9]+/g, '-')}-${split}`);
  const { fit: data, apart } = table.rows(split);
  const config = mergeConfigs(mergeConfigs(SMALL, table.config ?? {}), { data: { target: table.target }, seed: split });
  const seconds = () => Math.round((performance.now() - began) / 100) / 10;
  const named = { table: table.name, split, ...(table.shift && { shift: table.shift }) };
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
    const seenThere = await withRun(dir, (run) => truth(run, apart));
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
    return {
      ...named,
      answers: [],
      findings: [],
      faults: [],
      borderline: [],
      numbers: {},
      refused,
      seconds: seconds(),
    };
  } finally {
    if (values.runs === undefined) rmSync(folder, { recursive: true });
  }
}

const asked = values.only?.split(';');
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

/** What the rows kept apart say, and the fits of which they say it. */
const KINDS: readonly (readonly [string, (line: Line) => boolean])[] = [
  ['hold', ({ shift, faults, borderline }) => !shift && faults.length + borderline.length === 0],
  ['borderline', ({ shift, faults, borderline }) => !shift && faults.length === 0 && borderline.length > 0],
  ['do not hold', ({ shift, faults }) => !shift && faults.length > 0],
  ['follow another law', ({ shift }) => shift === true],
];

/** The rates of each split, and a line per table of data. */
function summary(lines: readonly Line[]): string {
  const rate = (hits: number, of: number) => `${hits} (${((100 * hits) / Math.max(1, of)).toFixed(1)} %)`;
  const judged = lines.filter(({ refused }) => refused === undefined);
  const splits = [...new Set(lines.map(({ split }) => split))].sort();
  const rates = splits.flatMap((split) =>
    KINDS.map(([name, holds]) => {
      const set = judged.filter((line) => line.split === split && holds(line));
      const told = (answer: string) =>
        rate(set.filter(({ answers }) => answers[0].startsWith(answer)).length, set.length);
      return `| ${split} | ${name} | ${set.length} | ${told('yes')} | ${told('no')} | ${told('too few')} |`;
    }),
  );
  const planted = lines.filter(({ found }) => found !== undefined);
  const rows = [...new Set(lines.map(({ table }) => table))].map((name) => {
    const own = lines.filter(({ table }) => table === name);
    const laws = [...new Set(own.flatMap(({ likelihood }) => likelihood ?? []))];
    return `| ${name} | ${laws.join(', ')} | ${own.map(cell).join('; ')} |`;
  });
  return [
    '| split | on rows kept apart the predictions | fits | told yes | told no | told too few rows |',
    '|---|---|---|---|---|---|',
    ...rates,
    '',
    `planted faults found: ${planted.filter(({ found }) => found).length} of ${planted.length}`,
    '',
    '| table | likelihood | verdict / rows kept apart, by split |',
    '|---|---|---|',
    ...rows,
  ].join('\n');
}

function cell({ answers, faults, borderline, refused }: Line): string {
  if (refused !== undefined) return 'refused';
  const open = borderline.length > 0 ? `borderline (${borderline.join(', ')})` : 'holds';
  return `${answers[0].startsWith('too few') ? 'too few' : answers[0]} / ${faults.length > 0 ? faults.join(', ') : open}`;
}
if (values.part === '0/1') console.log(summary(read()));
