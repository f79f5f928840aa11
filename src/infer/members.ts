/** Checks that the streaming accumulators share. */
import { dataError, shapeError } from '../errors.ts';

/** Refuses a number of rows that is not a positive integer. */
export function checkRows(where: string, n: number): void {
  if (!Number.isInteger(n) || n < 1) {
    throw shapeError(`${where}: expected a positive number of rows, got ${n}. Pass the rows of the data to predict.`);
  }
}

/** Refuses an array whose length is not `expected`. */
export function checkLength(where: string, what: string, array: ArrayLike<number>, expected: number): void {
  if (array.length !== expected) {
    throw shapeError(
      `${where}: expected ${expected} numbers of ${what}, got ${array.length}. Pass one block per member, row-major.`,
    );
  }
}

/** Refuses to summarise an ensemble of no members. */
export function checkMembers(where: string, members: number): void {
  if (members === 0) throw dataError(`${where}: expected at least one member, got none. Add members.`);
}
