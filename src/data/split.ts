/** The split into training, validation and test rows: one shuffle by seed. */
import { dataError } from '../errors.ts';
import { permutation } from '../math/random.ts';
import { rootKey, stream } from '../math/threefry.ts';

export interface Split {
  readonly train: Int32Array;
  readonly valid: Int32Array;
  readonly test: Int32Array;
}

/**
 * Indices 0 … n−1 cut into parts of round(n·test), round(n·valid) and the rest, at least one row each; a share of 0 is for rows
 * that come from elsewhere, and takes none.
 */
export function splitRows(n: number, options: { seed: number; valid: number; test: number }): Split {
  const order = permutation(stream(rootKey(options.seed), 'split'), n);
  const size = (share: number) => (share === 0 ? 0 : Math.max(1, Math.round(n * share)));
  const [test, valid] = [size(options.test), size(options.valid)];
  const train = n - test - valid;
  if (train < 2) {
    throw dataError(
      `split: expected rows left for training, got ${n} rows less ${test} for test and ${valid} for validation. Lower --test and --valid, or add data.`,
    );
  }
  return { train: order.slice(0, train), valid: order.slice(train, train + valid), test: order.slice(train + valid) };
}
