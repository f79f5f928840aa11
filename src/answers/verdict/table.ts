/** Is the table what it seems? Checks of the encoded rows, so that every `evaluate` can make them again. */
import { type Feature, toldClasses, toldScores } from '../../infer/tell.ts';
import type { SplitData } from '../../spec/loaded-run.ts';
import { percent } from './numbers.ts';
import type { Check } from './types.ts';

export interface TableFacts {
  readonly target: string;
  /** Number of classes; undefined for a regression. */
  readonly classes: number | undefined;
  /** The least and the largest class, where all are integers and nobody said that they are classes. */
  readonly integers?: readonly [number, number] | undefined;
  readonly columns: readonly TableColumn[];
  readonly data: SplitData;
  /** Sampled parameters. */
  readonly parameters: number;
  readonly twins: Twins;
  /** What there is to say of a network that came trained, and may have seen the rows that score it. */
  readonly brought: readonly string[];
}

/** A column of the table over all rows: training, validation, test. Numbers are in the units of the file. */
export interface TableColumn extends Feature {
  readonly name: string;
}

/** Held-out rows that lie among the training rows too. */
export interface Twins {
  readonly heldOut: number;
  /** 1 for each validation and each test row whose features and target are those of a training row. */
  readonly valid: Uint8Array;
  readonly test: Uint8Array;
  /** Rows that share their features with a training row; those that share its target too, and with all such rows. */
  readonly sameFeatures: number;
  readonly sameRow: number;
  readonly agreed: number;
  /** Rows, training, validation, test, less those that repeat an earlier one. */
  readonly distinct: readonly number[];
}

/** Out-of-sample share of the variance of the target's scores that no honest feature explains alone. */
const TOLD = 0.99;
/** Part of the most frequent class's errors that is left, and how many errors it must make for that to mean something. */
const LEFT = 0.02;
const FEWEST_ERRORS = 10;
/** Numbers of one column's look: more rows than that tell nothing more. */
const MOST_ROWS = 5000;
const FEWEST_LOOKS = 500;
const LOOKS = 4e6;
/** Distinct whole numbers that fill their range so densely are a numbering. */
const DENSE = 1.5;
const FEWEST_NUMBERED = 20;
/** Equal rows are copies, not people alike, where rows of equal features nearly always share the target. */
const AGREE = 0.95;
const COPIED = 0.05;
/** Parameters for each training row above which data cannot have taught them. */
const PARAMETERS_PER_ROW = 20;

export const TABLE: readonly Check<TableFacts>[] = [
  {
    name: 'leak',
    find({ columns, target, ...facts }) {
      const told = columns.flatMap((column) =>
        tells(column, columns.length, { target, columns, ...facts }) ? [column.name] : [],
      );
      return told.map((name) => ({
        turns: true,
        message: `'${name}' alone gives '${target}' away, also for rows that were left out`,
        cure: `--exclude ${name}, unless it is known when you predict`,
      }));
    },
  },
  {
    name: 'identifier',
    find: ({ columns }) =>
      columns
        .filter((column) => column.ordered && isNumbering(column.values))
        .map(({ name }) => ({
          turns: true,
          message: `'${name}' numbers the rows and was used as a feature`,
          cure: `--exclude ${name}`,
        })),
  },
  {
    name: 'duplicates',
    find({ twins }) {
      const count = copies(twins);
      if (count === 0) return [];
      const message = `${count} of ${twins.heldOut} held-out rows (${percent(count / twins.heldOut)}) are copies of training rows; the others were judged`;
      return [{ turns: true, message, cure: 'leave repeated rows out of the table' }];
    },
  },
  {
    name: 'rows',
    find({ data, parameters }) {
      const rows = data.train.y.length;
      const { inputs } = data.train;
      if (rows >= inputs && rows * PARAMETERS_PER_ROW >= parameters) return [];
      const message = `${rows} training rows for ${parameters} parameters and ${inputs} inputs: the prior decides, not the data`;
      return [{ turns: false, few: true, message, cure: 'add rows, or take a smaller network and fewer columns' }];
    },
  },
  {
    name: 'constant target',
    find({ data, target }) {
      const flat = (['train', 'valid', 'test'] as const).filter(
        (name) => data[name].y.length > 1 && data[name].y.every((v, _, y) => v === y[0]),
      );
      return flat.map((name) => ({
        turns: name === 'train',
        ...(name !== 'train' && { few: true as const }),
        message: `'${target}' is the same in all ${data[name].y.length} ${NAMES[name]} rows`,
        cure: 'add rows, or use another --seed',
      }));
    },
  },
  {
    name: 'integer classes',
    find: ({ target, integers }) =>
      integers
        ? [
            {
              turns: false,
              message: `each number of '${target}', ${integers[0]} to ${integers[1]}, is a class of its own: their order is not used, and no other number is predicted`,
              cure: '--task regression predicts numbers, --task classification says that classes are meant',
            },
          ]
        : [],
  },
  {
    name: 'trained elsewhere',
    find: ({ brought }) => brought.map((message) => ({ turns: false, message })),
  },
];

const NAMES = { train: 'training', valid: 'validation', test: 'test' };

/** Copies among the held-out rows; 0 where rows are alike by chance only. */
export const copies = ({ heldOut, sameFeatures, sameRow, agreed }: Twins): number =>
  sameRow >= COPIED * heldOut && agreed >= AGREE * sameFeatures ? sameRow : 0;

/** A single column is all there is to predict from, so only a copy of the target says something. */
function tells(column: TableColumn, columns: number, { classes, data, twins }: TableFacts): boolean {
  const most = Math.min(MOST_ROWS, Math.max(FEWEST_LOOKS, Math.floor(LOOKS / columns)));
  const all = [data.train.y, data.valid.y, data.test.y].flatMap((y) => Array.from(y));
  const rows = (copies(twins) > 0 ? twins.distinct : all.map((_, i) => i)).slice(0, most);
  const y = Float64Array.from(rows, (i) => all[i]);
  const feature = { values: Float64Array.from(rows, (i) => column.values[i]), ordered: column.ordered };
  if (classes === undefined) return columns > 1 && toldScores(feature, y) > TOLD;
  const { missed, without } = toldClasses(feature, y, classes);
  return columns > 1 && without >= FEWEST_ERRORS && missed <= LEFT * without;
}

function isNumbering(values: Float64Array): boolean {
  const whole = values.map(Math.round);
  if (whole.length < FEWEST_NUMBERED || values.some((v, i) => !(Math.abs(v - whole[i]) < 0.01))) return false;
  const range = whole.reduce((a, b) => Math.max(a, b)) - whole.reduce((a, b) => Math.min(a, b)) + 1;
  return range <= DENSE * whole.length && new Set(whole).size === whole.length;
}
