/** Which stored tensors a value of an ONNX graph is computed from, where no data enter into it. */
import type { OnnxModel, OnnxNode } from '../../graph/index.ts';
import type { Role } from '../model.ts';

/**
 * By name, whether the value is that tensor transposed (true) or as it is (false); undefined where more was done to it than that.
 */
export type Origins = ReadonlyMap<string, boolean | undefined>;

/** Operators that move numbers and change none. */
export const MOVING = ['Identity', 'Cast', 'Dropout', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose'];

export function originsOf(
  { node, initializer, input }: OnnxModel['graph'],
  reals: ReadonlyMap<string, unknown>,
): ReadonlyMap<string, Origins | 'data'> {
  const origins = new Map<string, Origins | 'data'>(input.map(({ name }) => [name, 'data']));
  for (const { name } of initializer) origins.set(name, new Map(reals.has(name) ? [[name, false]] : []));
  for (const each of node) {
    const from = each.opType === 'Shape' || each.opType === 'Size' ? new Map() : combined(each, origins);
    for (const name of each.output) origins.set(name, from);
  }
  return origins;
}

export const isData = (origins: ReadonlyMap<string, Origins | 'data'>, name: string) => origins.get(name) === 'data';

function combined(node: OnnxNode, origins: ReadonlyMap<string, Origins | 'data'>): Origins | 'data' {
  const all = node.input.map((name) => origins.get(name) ?? new Map());
  if (all.includes('data')) return 'data';
  // A norm that weights are divided by is made of them, or of helpers.
  const used = (node.opType === 'Div' ? all.slice(0, 1) : all) as Origins[];
  const turns = node.opType === 'Transpose';
  const straight = turns ? isMatrixTurn(node) : node.opType === 'Identity' || node.opType === 'Cast';
  const then = (turned: boolean | undefined) => (straight && turned !== undefined ? turned !== turns : undefined);
  return new Map(used.flatMap((each) => [...each].map(([name, turned]) => [name, then(turned)] as const)));
}

/** Whether a Transpose swaps the two axes of a matrix. */
const isMatrixTurn = ({ attribute }: OnnxNode) => {
  const order = attribute.find(({ name }) => name === 'perm')?.ints;
  return order === undefined || (order.length === 2 && order[0] === 1);
};

const TURNED: Partial<Record<Role, Role>> = { outIn: 'inOut', inOut: 'outIn' };

/** The role of the tensor itself, where the node takes it for `role` at place i, transposed or not. */
export const turnedRole = (node: OnnxNode, i: number, role: Role, turned: boolean): Role =>
  turned === transposes(node, i) ? role : (TURNED[role] ?? role);

/** Whether a node takes its input i transposed. */
const transposes = ({ opType, attribute }: OnnxNode, i: number): boolean =>
  opType === 'Gemm' && attribute.some(({ name, i: set }) => name === ['transA', 'transB'][i] && set === 1);
