/** Matrix products over batches of matrices. */
import { shapeError } from '../errors.ts';
import { reduceTo } from './reduce.ts';
import { broadcastShape, type Op, showShape, single, type Tensor } from './tensor.ts';

export interface MatmulOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
}

const matmulOp: Op = {
  name: 'matmul',
  gradient: ({ inputs: [a, b], attributes }, [dy]) => {
    if (!dy) return [];
    const transposeA = Boolean(attributes.transposeA);
    const transposeB = Boolean(attributes.transposeB);
    const da = transposeA
      ? matmul(b, dy, { transposeA: transposeB, transposeB: true })
      : matmul(dy, b, { transposeB: !transposeB });
    const db = transposeB
      ? matmul(dy, a, { transposeA: true, transposeB: transposeA })
      : matmul(a, dy, { transposeA: !transposeA });
    return [reduceTo(da, a.shape), reduceTo(db, b.shape)];
  },
  emit: ({ inputs, attributes }, names, emitter) => {
    const flags = [Boolean(attributes.transposeA), Boolean(attributes.transposeB)];
    if (!flags.includes(true)) return emitter.node('MatMul', names);
    if (emitter.fused && inputs[0].dtype === 'float32') {
      const [transA, transB] = flags.map(Number);
      return emitter.node('FusedMatMul', names, { transA, transB }, { domain: 'com.microsoft' });
    }
    const turned = names.map((name, i) => {
      if (!flags[i]) return name;
      const rank = inputs[i].shape.length;
      const perm = inputs[i].shape.map((_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
      return emitter.node('Transpose', [name], { perm })[0];
    });
    return emitter.node('MatMul', turned);
  },
};

/** Products of the matrices in the last two axes, optionally transposed; the axes before broadcast. */
export function matmul(a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  const { transposeA = false, transposeB = false } = options;
  const matrix = ({ shape }: Tensor, transposed: boolean) => {
    const [rows, columns] = shape.slice(-2);
    return transposed ? [columns, rows] : [rows, columns];
  };
  if (a.shape.length < 2 || b.shape.length < 2) throw mismatch(a, b, options);
  const [m, k] = matrix(a, transposeA);
  const [k2, n] = matrix(b, transposeB);
  if (k !== k2) throw mismatch(a, b, options);
  const batch = broadcastShape('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2));
  return single(matmulOp, [a, b], [...batch, m, n], { transposeA, transposeB });
}

function mismatch(a: Tensor, b: Tensor, { transposeA, transposeB }: MatmulOptions) {
  const show = ({ shape }: Tensor, transposed?: boolean) => `${showShape(shape)}${transposed ? 'ᵀ' : ''}`;
  return shapeError(
    `matmul: expected matrices with equal inner lengths, got ${show(a, transposeA)} and ${show(b, transposeB)}. ` +
      'Transpose or reshape one of them.',
  );
}
