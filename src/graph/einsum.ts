/** Contractions in Einstein's notation, as transpositions, one batched matrix product, and sums. */
import { shapeError } from '../errors.ts';
import { matmul } from './linear.ts';
import { reduceSum } from './reduce.ts';
import { reshape, transpose } from './shape.ts';
import { showShape, type Tensor } from './tensor.ts';

/**
 * Σ over the letters that the result lacks, for example `einsum('bik,bjk->bij', a, b)`. Each letter occurs at most once
 * in an operand; one or two operands.
 */
export function einsum(equation: string, ...operands: Tensor[]): Tensor {
  const [left, result] = equation.replaceAll(' ', '').split('->');
  const terms = left.split(',');
  const size = new Map<string, number>();
  const fail = (got: string) =>
    shapeError(
      `einsum: expected an equation that fits the operands, like 'bik,bjk->bij', got '${equation}' with ${got}.`,
    );
  if (result === undefined || terms.length !== operands.length || operands.length > 2) {
    throw fail(`${operands.length} operands`);
  }
  terms.forEach((letters, i) => {
    const { shape } = operands[i];
    if (letters.length !== shape.length || new Set(letters).size !== letters.length) throw fail(showShape(shape));
    [...letters].forEach((letter, axis) => {
      if ((size.get(letter) ?? shape[axis]) !== shape[axis]) throw fail(showShape(shape));
      size.set(letter, shape[axis]);
    });
  });
  if ([...result].some((letter) => !size.has(letter)) || new Set(result).size !== result.length) throw fail(result);

  const lengths = (letters: string) => [...letters].map((letter) => size.get(letter)!);
  const kept = (letters: string, other: string) =>
    [...letters].filter((x) => result.includes(x) || other.includes(x)).join('');
  const [p, q] = terms.map((letters, i) => kept(letters, terms[1 - i] ?? ''));
  const [a, b] = terms.map((letters, i) => {
    const gone = [...letters].flatMap((x, axis) => ([p, q][i].includes(x) ? [] : [axis]));
    return reduceSum(operands[i], gone);
  });
  if (!b) return ordered(a, p, result);

  const shared = [...p].filter((x) => q.includes(x));
  const batch = shared.filter((x) => result.includes(x)).join('');
  const summed = shared.filter((x) => !result.includes(x)).join('');
  const only = (letters: string, other: string) => [...letters].filter((x) => !other.includes(x)).join('');
  const [rows, columns] = [only(p, q), only(q, p)];
  const flat = (letters: string) => lengths(letters).reduce((product, n) => product * n, 1);
  const product = matmul(
    reshape(ordered(a, p, batch + rows + summed), [flat(batch), flat(rows), flat(summed)]),
    reshape(ordered(b, q, batch + summed + columns), [flat(batch), flat(summed), flat(columns)]),
  );
  const order = batch + rows + columns;
  return ordered(reshape(product, lengths(order)), order, result);
}

function ordered(x: Tensor, from: string, to: string): Tensor {
  return transpose(
    x,
    [...to].map((letter) => from.indexOf(letter)),
  );
}
