/** The main job: data in, calibrated ensemble out. */

import { type Evaluation, evaluate } from '../answers/evaluate.ts';
import { createPosteriorStore } from '../chains/posterior-store.ts';
import { checkStepping, onDevice } from '../chains/stepping.ts';
import { settleThreads } from '../chains/threads.ts';
import { few } from '../data/names.ts';
import { classesOf, type Split, splitRows } from '../data/split.ts';
import { encode } from '../data/table/encode.ts';
import { learnPreprocessing } from '../data/table/preprocess.ts';
import { type TableRows, tableRows } from '../data/table/rows.ts';
import { readSchema, type Schema } from '../data/table/schema.ts';
import type { Table } from '../data/table/table.ts';
import { specError } from '../errors.ts';
import type { OnnxNetwork } from '../models/onnx/network.ts';
import { onnxBytes } from '../models/onnx/starts.ts';
import { samplerRow, usualStepSize } from '../samplers/registry.ts';
import { SMILE_NAMES, type SmileName } from '../samplers/smile.ts';
import { trainedRows, withNetwork, withOutputs } from '../spec/brought.ts';
import { encodeHeldOut, HELD_OUT, type HeldOut, openTable, overlapNote, type Rows } from '../spec/held-out.ts';
import { networkOf, readNetworks } from '../spec/network.ts';
import { loadRun, runInputs, SPLITS, type SplitData } from '../spec/opened.ts';
import { allChains } from '../spec/records.ts';
import { type FitConfig, type FitSpec, resolveSpec } from '../spec/spec.ts';
import { checkSupport } from '../spec/target-law.ts';
import { SOFTWARE } from '../spec/version.ts';
import { workersOf } from '../spec/workers.ts';
import { sha256, sha256OfFile, writeJson, writeWhole } from '../store/files.ts';
import { createRun, runPaths } from '../store/rundir.ts';
import { chooseLikelihood } from './likelihood-pilot.ts';
import { membersOf, storeMembers } from './members.ts';
import { type SuperviseOptions, supervise } from './supervise.ts';

export interface FitOptions extends SuperviseOptions {
  /** Path of a delimited file, or rows as objects. */
  readonly data: Rows;
  /** Validation and test rows of one's own, instead of a fraction of `data`; files may be named in `config` too. */
  readonly valid?: Rows | undefined;
  readonly test?: Rows | undefined;
  /** Run directory to write. */
  readonly out: string;
  readonly config?: FitConfig;
  /** Replace an earlier run in `out`. */
  readonly force?: boolean;
  /** Bytes that a gzipped file may unpack to. Default 1e9. */
  readonly maxUnpacked?: number;
}

/**
 * Fits a Bayesian ensemble: reads the data, warm-starts K members, samples around each, scores on held-out rows. The
 * whole run lies in `out` afterwards. Throws `DataError`, `SpecError` or `StoreError` for what a user can mend.
 */
export async function fit(options: FitOptions): Promise<Evaluation> {
  const { chains } = await prepareRun(options);
  await supervise(loadRun(options.out), allChains(chains), options);
  return evaluate(options.out);
}

/**
 * Writes the run directory and samples nothing: `fit` up to where chains begin. Threads are tried only where chains are to
 * run `here`; other machines have other cores.
 */
export async function prepareRun(options: FitOptions, here = options.engine === undefined): Promise<FitSpec> {
  const { data: source, out, config = {}, force = false, maxUnpacked, onEvent = () => {} } = options;
  const note = (message: string) => onEvent({ type: 'note', message });
  const asked = withHeldOut(withNetwork(resolveSpec(config), config), options);
  const workers = workersOf(asked, options.workers);
  const brought = readNetworks(asked);
  const { delimiter, header, decimal } = asked.data;
  const table = await openTable(source, { delimiter, header, decimal, maxUnpacked });
  const own = await heldOutTables(options, asked, table);
  const prepared = prepare(table, own, asked, brought);
  for (const message of [...table.notes, ...prepared.notes]) note(message);
  for (const message of brought ? trainedRows(asked) : []) note(message);
  const whole = settle(prepared.spec, config, prepared.data.train.y.length);
  const choice =
    whole.model.likelihood === 'auto'
      ? await chooseLikelihood(whole, prepared.preprocessing, prepared.data)
      : undefined;
  if (choice) note(choice.said);
  const settled = choice ? { ...whole, model: { ...whole.model, likelihood: choice.chosen } } : whole;

  const known = brought ? await withOutputs(settled, prepared, brought, note) : settled;
  const network = networkOf(known, prepared.preprocessing, () => brought!);
  checkSupport({ network, preprocessing: prepared.preprocessing }, Object.values(prepared.data));
  const { spec, finding } = await settleThreads(network, known, workers, here ? undefined : 1);
  if (finding) note(finding);
  const bytes = brought && onnxBytes(brought);
  const dataHash = typeof source === 'string' ? await sha256OfFile(source) : sha256(JSON.stringify(source));
  const inputs = runInputs(spec, prepared.preprocessing, prepared.data);
  const { members: earlier } = spec.warmStart;
  const taken = earlier === undefined ? [] : membersOf(earlier, { spec, network, ...inputs.hashes });
  if (earlier !== undefined) note(`members of ${earlier}: nothing is trained`);
  createRun(
    out,
    {
      software: SOFTWARE,
      ...inputs.hashes,
      dataHash,
      ...(bytes && { networkHash: sha256(bytes) }),
      source: table.source,
    },
    force,
  );
  if (bytes) writeWhole(runPaths(out).network, bytes);
  inputs.store(out);
  if (choice) writeJson(runPaths(out).likelihood, choice);
  storeMembers(out, taken);
  await createPosteriorStore(loadRun(out), prepared.data);
  note(
    `${network.model.name}, ${network.likelihood.name} likelihood, ${network.dim} parameters, ${spec.chains} chains`,
  );
  const place = onDevice(spec, network.dim) ? ', steps on the device' : '';
  note(`${spec.sampler.name} (${spec.sampler.mode}), batch ${spec.sampler.batchSize}${place}; results in ${out}`);
  return spec;
}

/** Rows given to the library are named in the configuration, so that the run tells where its scores come from. */
function withHeldOut(spec: FitSpec, { valid, test }: FitOptions): FitSpec {
  const named = (rows: Rows | undefined) => (typeof rows === 'object' ? 'rows' : rows);
  const [validFile = spec.data.validFile, testFile = spec.data.testFile] = [named(valid), named(test)];
  return { ...spec, data: { ...spec.data, ...(validFile && { validFile }), ...(testFile && { testFile }) } };
}

/** Validation and test rows that come apart from the table, which says how they are to be read. */
async function heldOutTables(given: FitOptions, { data }: FitSpec, { headed, dialect: like }: Table): Promise<HeldOut> {
  const read = async (rows: Rows | undefined) =>
    rows === undefined
      ? undefined
      : openTable(rows, { header: headed, decimal: data.decimal, like, maxUnpacked: given.maxUnpacked });
  return { valid: await read(given.valid ?? data.validFile), test: await read(given.test ?? data.testFile) };
}

/** Splits and encodes the table, and settles what the configuration left to the data. */
function prepare(table: Table, own: HeldOut, asked: FitSpec, brought: OnnxNetwork | undefined) {
  const { standardise, valid, test } = asked.data;
  const schema = readSchema(table, asked.data);
  const shares = { valid: own.valid ? 0 : valid, test: own.test ? 0 : test };
  const split = splitRows(schema.rows.length, { seed: asked.seed, ...shares, ...classesOf(schema) });
  const rowsOf = (part: Int32Array) => Array.from(part, (i) => schema.rows[i]);
  const { preprocessing, notes } = learnPreprocessing(table, schema, Int32Array.from(rowsOf(split.train)), standardise);
  const regression = schema.task === 'regression';
  const { likelihood: wanted } = asked.model;
  const likelihood = wanted === 'auto' || wanted === 'usual' ? leftOpen(asked, regression, brought) : wanted;
  if (likelihood !== 'auto' && (likelihood === 'softmax') === regression) {
    throw specError(
      `model.likelihood: expected one for ${schema.task}, got ${likelihood}. Leave it out, or set data.task.`,
    );
  }
  const warnings: string[] = [];
  const together = encode(
    preprocessing,
    table,
    SPLITS.flatMap((name) => rowsOf(split[name])),
    true,
  );
  const { length: inputs } = preprocessing.inputNames;
  const targets = 'classes' in preprocessing.target ? preprocessing.target.classes.length : 1;
  let from = 0;
  const encoded = SPLITS.map((name): [string, TableRows] => {
    const apart = name === 'train' ? undefined : own[name];
    if (apart) {
      const { warnings: more, rows, ...held } = encodeHeldOut(preprocessing, apart);
      warnings.push(...[...apart.notes.slice(1), ...more].map((message) => `${name}: ${message}`));
      return [name, tableRows({ ...held, inputs, targets, rows: Int32Array.from(rows, (row) => row + 1) })];
    }
    const to = from + split[name].length;
    const [x, y] = [together.x.subarray(from * inputs, to * inputs), together.y.subarray(from, to)];
    from = to;
    return [name, tableRows({ x, y, inputs, targets, rows: Int32Array.from(rowsOf(split[name]), (row) => row + 1) })];
  });
  warnings.push(...together.warnings, ...onlyInTraining(schema, split));
  const data = Object.fromEntries(encoded) as SplitData;
  const sizes = SPLITS.map((name) => `${data[name].y.length} ${name}`).join(', ');
  for (const name of HELD_OUT) {
    const note = own[name] && overlapNote(data.train, data[name], own[name]);
    if (note) warnings.push(`${name}: ${note}`);
  }
  return {
    preprocessing,
    data,
    notes: [...schema.notes, ...notes, `${preprocessing.inputNames.length} inputs; rows: ${sizes}`, ...warnings],
    spec: { ...asked, model: { ...asked.model, likelihood } } satisfies FitSpec,
  };
}

/** Classes that no validation or test row has: nothing will be known of how well they are predicted. */
function onlyInTraining({ target, rows }: Schema, { train, valid, test }: Split): string[] {
  if (target.kind !== 'categorical' || valid.length + test.length === 0) return [];
  const held = new Set([...valid, ...test].map((i) => target.codes[rows[i]]));
  const rare = [...new Set(Array.from(train, (i) => target.codes[rows[i]]))].filter((code) => !held.has(code));
  if (rare.length === 0) return [];
  return [
    `too rare for a validation or test row, so that no score speaks of them: ${few(rare.map((code) => `'${target.levels[code]}'`))}`,
  ];
}

/** What `auto` and `usual` stand for; `auto` where it is to be tried. Networks that come trained have one. */
function leftOpen({ sampler, model }: FitSpec, regression: boolean, brought: OnnxNetwork | undefined) {
  if (!regression) return 'softmax';
  if (brought) return brought.outputs === 2 ? 'gaussian-per-input' : 'gaussian';
  return model.likelihood === 'usual' || sampler.mode === 'paper' ? 'gaussian' : 'auto';
}

/** Fills in what depends on rows and sampler: batch sizes that were left out, and the sampler's step size. */
function settle(spec: FitSpec, config: FitConfig, rows: number): FitSpec {
  const size = (section: 'sampler' | 'warmStart') => {
    const asked = config[section]?.batchSize;
    if (asked !== undefined && asked > rows) {
      throw specError(
        `${section}.batchSize: expected at most the ${rows} training rows, got ${asked}. Lower it, or leave it out.`,
      );
    }
    return Math.min(spec[section].batchSize, rows);
  };
  const { name, mode, stepSize = usualStepSize(name) } = spec.sampler;
  const whole = samplerRow(name).fullGradient ?? false;
  if (whole && (config.sampler?.batchSize ?? rows) < rows) {
    throw specError(
      `sampler.batchSize: expected all ${rows} training rows for ${name}, which needs full gradients. Leave it out.`,
    );
  }
  if (mode === 'paper' && !SMILE_NAMES.includes(name as SmileName)) {
    throw specError(
      `sampler.mode: expected sound for ${name}, got paper, which only ${SMILE_NAMES.join(', ')} have. Leave it out.`,
    );
  }
  checkStepping(spec);
  return {
    ...spec,
    sampler: { ...spec.sampler, stepSize, batchSize: whole ? rows : size('sampler') },
    warmStart: { ...spec.warmStart, batchSize: size('warmStart') },
  };
}
