/** The split into training, validation and test rows: one shuffle by seed, every class shared out in proportion. */
import { dataError } from '../errors.ts';
import { permutation } from '../math/random.ts';
import { rootKey, stream } from '../math/threefry.ts';
import type { Schema } from './table/schema.ts';

export interface Split {
  readonly train: Int32Array;
  readonly valid: Int32Array;
  readonly test: Int32Array;
}

/** One of something for each part of a split. */
export type Parts<T> = Readonly<Record<keyof Split, T>>;

export interface SplitOptions {
  readonly seed: number;
  /** Shares of the rows, in [0, 1). */
  readonly valid: number;
  readonly test: number;
  /** Class of each row. With classes every part has its share of each, and each has a row in training. */
  readonly classes?: ArrayLike<number>;
}

/**
 * Indices 0 … n−1 cut into parts of round(n·test), round(n·valid) and the rest, at least one row each; a share of 0 is for rows
 * that come from elsewhere, and takes none.
 */
export function splitRows(n: number, options: SplitOptions): Split {
  const order = permutation(stream(rootKey(options.seed), 'split'), n);
  const size = (share: number) => (share === 0 ? 0 : Math.max(1, Math.round(n * share)));
  const [test, valid] = [size(options.test), size(options.valid)];
  const train = n - test - valid;
  if (train < 2) {
    throw dataError(
      `split: expected rows left for training, got ${n} rows less ${test} for test and ${valid} for validation. Lower --test and --valid, or add data.`,
    );
  }
  const { classes } = options;
  const shuffled = classes === undefined ? order : inProportion(order, classes, [train, valid, test]);
  return {
    train: shuffled.slice(0, train),
    valid: shuffled.slice(train, train + valid),
    test: shuffled.slice(train + valid),
  };
}

/** What the split needs to know of a target with classes. */
export const classesOf = ({ target, rows }: Pick<Schema, 'target' | 'rows'>): Pick<SplitOptions, 'classes'> =>
  target.kind === 'categorical' ? { classes: rows.map((i) => target.codes[i]) } : {};

/** The order in which parts of these sizes, training first, hold each class in proportion. Rows of a class stay in their order. */
function inProportion(order: Int32Array, classes: ArrayLike<number>, sizes: readonly number[]): Int32Array {
  const byClass = new Map<number, number[]>();
  for (const row of order) {
    const rows = byClass.get(classes[row]);
    if (rows) rows.push(row);
    else byClass.set(classes[row], [row]);
  }
  const groups = [...byClass].sort(([a], [b]) => a - b).map(([, rows]) => rows);
  const left = groups.map((rows) => rows.length);
  const parts: number[][] = [[], [], []];
  // Test and validation rows are taken first; a class keeps one row for training.
  for (const part of [2, 1]) {
    const share = sizes[part] / left.reduce((sum, rows) => sum + rows, 0);
    const quotas = left.map((rows) => Math.min(rows - 1, Math.floor(rows * share)));
    const rest = left
      .map((rows, k) => ({ k, rest: rows * share - quotas[k] }))
      .sort((a, b) => b.rest - a.rest || a.k - b.k);
    let open = sizes[part] - quotas.reduce((sum, rows) => sum + rows, 0);
    const spare = left.reduce((sum, rows, k) => sum + rows - 1 - quotas[k], 0);
    if (spare < open) {
      throw dataError(
        `split: expected a row of each of ${groups.length} classes left for training, got too few rows. Lower --test and --valid, or add data.`,
      );
    }
    for (let i = 0; open > 0; i = (i + 1) % rest.length) {
      const { k } = rest[i];
      if (quotas[k] + 1 >= left[k]) continue;
      quotas[k]++;
      open--;
    }
    groups.forEach((rows, k) => {
      left[k] -= quotas[k];
      parts[part].push(...rows.slice(left[k], left[k] + quotas[k]));
    });
  }
  groups.forEach((rows, k) => {
    parts[0].push(...rows.slice(0, left[k]));
  });
  const place = new Int32Array(order.length);
  order.forEach((row, i) => {
    place[row] = i;
  });
  return Int32Array.from(parts.flatMap((rows) => rows.sort((a, b) => place[a] - place[b])));
}
