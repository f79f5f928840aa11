/** A table as the rows of three splits. */
import { few } from '../data/names.ts';
import { classesOf, type Parts, type Split, splitRows } from '../data/split.ts';
import { encode } from '../data/table/encode.ts';
import { learnPreprocessing } from '../data/table/preprocess.ts';
import { type TableRows, tableRows } from '../data/table/rows.ts';
import { readSchema, type Schema } from '../data/table/schema.ts';
import type { Table } from '../data/table/table.ts';
import { specError } from '../errors.ts';
import type { OnnxNetwork } from '../models/onnx/network.ts';
import {
  encodeHeldOut,
  HELD_OUT,
  type HeldOutTables,
  openTable,
  overlapNote,
  type RowSource,
} from '../spec/held-out.ts';
import { SPLITS } from '../spec/loaded-run.ts';
import type { FitSpec } from '../spec/spec.ts';
import { sha256, sha256OfFile } from '../store/files.ts';
import type { DataSources, PreparedData } from './prepared.ts';

/** Reads, splits and encodes a table. Throws a `DataError` or `SpecError` for what a user can mend. */
export async function prepareTable(
  sources: DataSources,
  asked: FitSpec,
  brought: OnnxNetwork | undefined,
): Promise<PreparedData> {
  const { data: source, maxUnpacked } = sources;
  const named = withHeldOut(asked, sources);
  const { delimiter, header, decimal } = named.data;
  const table = await openTable(source, { delimiter, header, decimal, maxUnpacked });
  const heldOut = await heldOutTables(sources, named, table);
  const prepared = encodeTable(table, heldOut, named, brought);
  const dataHash = typeof source === 'string' ? await sha256OfFile(source) : sha256(JSON.stringify(source));
  return { ...prepared, notes: [...table.notes, ...prepared.notes], source: table.source, dataHash };
}

/** Rows given to the library are named in the configuration, so that the run tells where its scores come from. */
function withHeldOut(spec: FitSpec, { valid, test }: DataSources): FitSpec {
  const named = (rows: RowSource | undefined) => (typeof rows === 'object' ? 'rows' : rows);
  const [validFile = spec.data.validFile, testFile = spec.data.testFile] = [named(valid), named(test)];
  return { ...spec, data: { ...spec.data, ...(validFile && { validFile }), ...(testFile && { testFile }) } };
}

/** Validation and test rows that come apart from the table, which says how they are to be read. */
async function heldOutTables(
  given: DataSources,
  { data }: FitSpec,
  { headed, dialect: like }: Table,
): Promise<HeldOutTables> {
  const read = async (rows: RowSource | undefined) =>
    rows === undefined
      ? undefined
      : openTable(rows, { header: headed, decimal: data.decimal, like, maxUnpacked: given.maxUnpacked });
  return { valid: await read(given.valid ?? data.validFile), test: await read(given.test ?? data.testFile) };
}

/** Splits and encodes the table, and settles what the configuration left to the data. */
function encodeTable(table: Table, heldOut: HeldOutTables, spec: FitSpec, brought: OnnxNetwork | undefined) {
  const { standardise, valid, test } = spec.data;
  const schema = readSchema(table, spec.data);
  const shares = { valid: heldOut.valid ? 0 : valid, test: heldOut.test ? 0 : test };
  const split = splitRows(schema.rows.length, { seed: spec.seed, ...shares, ...classesOf(schema) });
  const rowsOf = (part: Int32Array) => Array.from(part, (i) => schema.rows[i]);
  const { preprocessing, notes } = learnPreprocessing(table, schema, Int32Array.from(rowsOf(split.train)), standardise);
  const regression = schema.task === 'regression';
  const { likelihood: wanted } = spec.model;
  const likelihood = wanted === 'auto' || wanted === 'usual' ? leftOpen(spec, regression, brought) : wanted;
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
    const apart = name === 'train' ? undefined : heldOut[name];
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
  const data = Object.fromEntries(encoded) as Parts<TableRows>;
  const sizes = SPLITS.map((name) => `${data[name].y.length} ${name}`).join(', ');
  for (const name of HELD_OUT) {
    const note = heldOut[name] && overlapNote(data.train, data[name], heldOut[name]);
    if (note) warnings.push(`${name}: ${note}`);
  }
  return {
    preprocessing,
    data,
    notes: [...schema.notes, ...notes, `${preprocessing.inputNames.length} inputs; rows: ${sizes}`, ...warnings],
    spec: { ...spec, model: { ...spec.model, likelihood } } satisfies FitSpec,
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
