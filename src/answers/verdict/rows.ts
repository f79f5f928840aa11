/** What the checks of the table look at, from the encoded rows of a run. */
import { createHash } from 'node:crypto';
import { kindOf, ofTable } from '../../data/learned.ts';
import type { Rows } from '../../data/rows.ts';
import type { Parts } from '../../data/split.ts';
import type { Preprocessing } from '../../data/table/preprocess.ts';
import type { TableRows } from '../../data/table/rows.ts';
import { trainedRows } from '../../spec/brought.ts';
import { type LoadedRun, SPLITS, type SplitData } from '../../spec/loaded-run.ts';
import type { TableColumn, TableFacts, Twins } from './table.ts';

export function tableFacts({ spec, preprocessing, network }: LoadedRun, data: SplitData): TableFacts {
  const { target } = preprocessing;
  return {
    target: target.name,
    classes: 'classes' in target ? target.classes.length : undefined,
    integers:
      'classes' in target && ofTable(preprocessing) && spec.data.task === 'auto'
        ? integersOf(target.classes)
        : undefined,
    columns: ofTable(preprocessing) ? columnsOf(preprocessing, data as Parts<TableRows>) : [],
    data,
    parameters: network.dim,
    twins: kindOf(preprocessing) === 'text' ? noTwins(data) : twinsOf(data),
    brought: spec.model.network === undefined ? [] : trainedRows(spec),
  };
}

/** The least and the largest of more than two classes that are integers. */
function integersOf(classes: readonly string[]): readonly [number, number] | undefined {
  if (classes.length < 3 || !classes.every((name) => /^-?(?:0|[1-9]\d*)$/.test(name))) return undefined;
  const numbers = classes.map(Number);
  return [Math.min(...numbers), Math.max(...numbers)];
}

/** The columns behind the inputs, as one number a row: a number, or the index of its category. */
function columnsOf({ columns, inputNames }: Preprocessing, data: Parts<TableRows>): TableColumn[] {
  const p = inputNames.length;
  const inputs = SPLITS.map((name) => data[name].x);
  const over = (value: (x: Float32Array, row: number) => number) =>
    Float64Array.from(inputs.flatMap((x) => Array.from({ length: x.length / p }, (_, i) => value(x, i * p))));
  let at = 0;
  return columns.map((code) => {
    const first = at;
    if (code.kind === 'numeric') {
      at += code.mask ? 2 : 1;
      const missing = (x: Float32Array, row: number) => code.mask && x[row + first + 1] === 1;
      const value = (x: Float32Array, row: number) => code.mean + code.sd * x[row + first];
      const values = over((x, row) => (missing(x, row) ? Number.NaN : value(x, row)));
      return { name: code.name, ordered: true, values };
    }
    at += code.levels.length + Number(code.missing);
    const end = at;
    return { name: code.name, ordered: false, values: over((x, row) => x.subarray(row + first, row + end).indexOf(1)) };
  });
}

/** Finds the rows of validation and test that lie among the training rows. */
function twinsOf({ train, valid, test }: SplitData): Twins {
  const known = new Map<string, Set<number>>();
  features(train).forEach((key, i) => {
    known.set(key, (known.get(key) ?? new Set()).add(train.y[i]));
  });
  let [sameFeatures, sameRow, agreed] = [0, 0, 0];
  const flags = (rows: Rows) =>
    Uint8Array.from(features(rows), (key, i) => {
      const targets = known.get(key);
      if (!targets) return 0;
      sameFeatures++;
      const same = targets.has(rows.y[i]);
      sameRow += Number(same);
      agreed += Number(same && targets.size === 1);
      return Number(same);
    });
  const found = { valid: flags(valid), test: flags(test) };
  const whole = [train, valid, test].flatMap((rows) => features(rows).map((key, i) => `${key} ${rows.y[i]}`));
  const first = new Map(whole.map((key, i): [string, number] => [key, i]).reverse());
  const distinct = [...first.values()].sort((a, b) => a - b);
  return { ...found, heldOut: valid.y.length + test.y.length, sameFeatures, sameRow, agreed, distinct };
}

/** A key for the features of each row. */
function features(rows: Rows): string[] {
  const asked = rows.asked();
  const x = new Float32Array(rows.inputs);
  return Array.from(asked.y, (_, i) => {
    asked.gather(i, i + 1, x);
    return createHash('md5').update(x).digest('base64');
  });
}

/** Tokens of a text repeat each other as a matter of course. */
const noTwins = ({ valid, test }: SplitData): Twins => ({
  valid: new Uint8Array(valid.y.length),
  test: new Uint8Array(test.y.length),
  heldOut: valid.y.length + test.y.length,
  ...{ sameFeatures: 0, sameRow: 0, agreed: 0, distinct: [] },
});
