/** Matrix products over batches of matrices. */
import { shapeError } from '../errors.ts';
import { mul } from './elementwise.ts';
import { transpose } from './shape.ts';
import { broadcastShape, constant, type Op, showShape, single, type Tensor } from './tensor.ts';
import { MICROSOFT } from './types.ts';

export interface MatmulOptions {
  /** Factor of the product. Default 1. */
  readonly alpha?: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

const matmulOp: Op = {
  name: 'matmul',
  gradient: ({ inputs: [a, b], attributes }, [dy]) => {
    if (!dy) return [];
    const transposeA = Boolean(attributes.transposeA);
    const transposeB = Boolean(attributes.transposeB);
    const alpha = Number(attributes.alpha);
    const da = transposeA
      ? matmul(b, dy, { transposeA: transposeB, transposeB: true, alpha })
      : matmul(dy, b, { transposeB: !transposeB, alpha });
    const db = transposeB
      ? matmul(dy, a, { transposeA: true, transposeB: transposeA, alpha })
      : matmul(a, dy, { transposeA: !transposeA, alpha });
    return [da, db];
  },
  lower: ({ inputs: [a, b], attributes: { transposeA, transposeB, alpha } }, { runtime }) => {
    if (alpha === 1 && !transposeA && !transposeB) return;
    if (runtime === 'cpu' && a.dtype === 'float32') return;
    const product = matmul(transposeA ? turn(a) : a, transposeB ? turn(b) : b);
    return [mul(product, constant(Number(alpha), a))];
  },
  emit: ({ attributes }, names, emitter) => {
    const { transposeA, transposeB, alpha } = attributes;
    if (alpha === 1 && !transposeA && !transposeB) return emitter.node('MatMul', names);
    const [transA, transB] = [transposeA, transposeB].map(Number);
    return emitter.node('FusedMatMul', names, { transA, transB }, { ...MICROSOFT, floats: { alpha: Number(alpha) } });
  },
};

/** The matrices of the last two axes, transposed. */
const turn = (x: Tensor): Tensor => {
  const rank = x.shape.length;
  return transpose(
    x,
    x.shape.map((_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis)),
  );
};

/** Products of the matrices in the last two axes, optionally transposed; the axes before broadcast. */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false, alpha = 1 } = options;
  const matrix = ({ shape }: Tensor, transposed: boolean) => {
    const [rows, columns] = shape.slice(-2);
    return transposed ? [columns, rows] : [rows, columns];
  };
  if (a.shape.length < 2 || b.shape.length < 2) throw mismatch(a, b, options);
  const [m, k] = matrix(a, transposeA);
  const [k2, n] = matrix(b, transposeB);
  if (k !== k2) throw mismatch(a, b, options);
  const batch = broadcastShape('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2));
  return single(matmulOp, [a, b], [...batch, m, n], { transposeA, transposeB, alpha });
}

function mismatch(a: Tensor, b: Tensor, { transposeA, transposeB }: MatmulOptions) {
  const show = ({ shape }: Tensor, transposed?: boolean) => `${showShape(shape)}${transposed ? 'ᵀ' : ''}`;
  return shapeError(
    `matmul: expected matrices with equal inner lengths, got ${show(a, transposeA)} and ${show(b, transposeB)}. ` +
      'Transpose or reshape one of them.',
  );
}
