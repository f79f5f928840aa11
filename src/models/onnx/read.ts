/** Reads networks that users bring as ONNX files. */
import { shapeError } from '../../errors.ts';
import {
  decodeModel,
  type External,
  importValues,
  input as inputTensor,
  isDouble,
  type OnnxModel,
  opsetOf,
  sizeOfShape,
  storedNumbers,
  type Tensor,
  tensorType,
  tidied,
  unsupported,
  withFreeRows,
} from '../../graph/index.ts';
import { cuttingHint } from './cutting.ts';
import { endingOf } from './ending.ts';
import { learnedTensors } from './learned.ts';
import type { OnnxNetwork } from './network.ts';
import { separated } from './starts.ts';

/**
 * Reads an ONNX file. Throws a `ShapeError` for a file that is none or is damaged, an opset or operators that are not
 * known (every node of them is named), inputs of open shape, types of numbers that are not known, data that are missing.
 */
export function readOnnx(bytes: Uint8Array, source: string, external: External): OnnxNetwork {
  const onnx = decoded(bytes, source);
  try {
    return described(onnx, source, external);
  } catch (cause) {
    throw shapeError(`${source}: ${(cause as Error).message}`, { cause });
  }
}

function decoded(bytes: Uint8Array, source: string): OnnxModel {
  let model: OnnxModel | undefined;
  let cause: unknown;
  try {
    model = decodeModel(bytes);
  } catch (error) {
    cause = error;
  }
  if (model?.graph && model.graph.node.length > 0 && model.opsetImport.length > 0) return model;
  throw shapeError(
    `${source}: expected an ONNX model, got ${bytes.length} bytes that are none, or only its beginning. ` +
      'Export the network again.',
    { cause },
  );
}

/** For files whose numbers are inside. */
export const NONE: External = (file) => {
  throw shapeError(`expected the numbers in the file itself, got a reference to ${file}.`);
};

/** Rows of the shapes that are traced: two, which no length of one is taken for. */
const ROWS = 2;

function described(written: OnnxModel, source: string, external: External): OnnxNetwork {
  const faults = unsupported(written);
  if (faults.length > 0) {
    throw shapeError(
      `expected operators that can be differentiated here, got:\n  ${faults.join('\n  ')}${cuttingHint(written, source)}`,
    );
  }
  const opset = opsetOf(written);
  const notes = isDouble(written) ? ['its float64 numbers are computed with in float32, as all networks here are'] : [];
  const tidy = tidied(written, external);
  const { own, starts } = separated(tidy.graph);
  const { onnx, note } = withRows({ ...tidy, graph: { ...tidy.graph, initializer: own } }, source);
  const row = rowShape(onnx);
  const values = importValues(onnx, rowsOf(onnx, ROWS), NONE);
  const outputs = outputWidth(onnx, values);
  const { tensors, last } = storedTensors(onnx, values);
  const ending = endingOf(onnx, values, ROWS);
  const all = [...notes, ...(note ? [note] : [])];
  return { source, onnx, opset, row, inputs: sizeOfShape(row), outputs, ending, tensors, last, starts, notes: all };
}

/** The one input that is not stored. */
export function openInput({ graph }: OnnxModel, source = '') {
  const stored = new Set(graph.initializer.map(({ name }) => name));
  const open = graph.input.filter(({ name }) => !stored.has(name));
  if (open.length === 1 && graph.output.length === 1) return open[0];
  throw shapeError(
    `expected one input and one output, got inputs ${open.map(({ name }) => name).join(', ') || 'none'} and outputs ` +
      `${graph.output.map(({ name }) => name).join(', ') || 'none'}. Export the part between one of each.` +
      cuttingHint({ graph }, source),
  );
}

function rowShape(model: OnnxModel): number[] {
  const { name, type } = openInput(model);
  const axes = type.tensorType?.shape?.dim ?? [];
  const open = axes.findIndex(({ dimValue }, i) => i > 0 && !(dimValue && dimValue > 0));
  if (axes.length >= 2 && open < 0) return axes.slice(1).map(({ dimValue }) => dimValue!);
  const shown = axes.map(({ dimValue, dimParam }) => dimParam || dimValue || '?').join(', ');
  throw shapeError(
    `input '${name}': expected rows along the first axis and fixed lengths of the others, got [${shown}]. ` +
      'Export the network with a dynamic first axis only.',
  );
}

/** The input of so many rows, by its name. */
function rowsOf(model: OnnxModel, rows: number): ReadonlyMap<string, Tensor> {
  const { name, type } = openInput(model);
  const dtype = tensorType(`input '${name}'`, type.tensorType!.elemType);
  return new Map([[name, inputTensor(name, [rows, ...rowShape(model)], dtype)]]);
}

/** The model for any number of rows, where its input has a number of them. */
function withRows(model: OnnxModel, source: string): { onnx: OnnxModel; note?: string } {
  const written = openInput(model, source).type.tensorType?.shape?.dim[0]?.dimValue;
  if (!written) return { onnx: model };
  try {
    const onnx = withFreeRows(model, written, (rows) => rowsOf(model, rows), NONE);
    if (onnx === model) return { onnx };
    return {
      onnx,
      note: `its shapes were written for ${written} row${written === 1 ? '' : 's'}, and are taken for any number`,
    };
  } catch (cause) {
    throw shapeError(
      `expected a network for any number of rows, got one written for ${written}: ${(cause as Error).message} ` +
        'Export the network with a dynamic first axis.',
      { cause },
    );
  }
}

const FLOAT = 1;

/** Every stored tensor of reals; those that a file does not show to be learned are sampled only when they are named. */
function storedTensors(onnx: OnnxModel, values: ReadonlyMap<string, Tensor>): Pick<OnnxNetwork, 'tensors' | 'last'> {
  const reals = onnx.graph.initializer.filter(({ dataType }) => dataType === FLOAT);
  const numbers = new Map(
    reals.map((tensor) => {
      const values = storedNumbers(`tensor '${tensor.name}'`, tensor, NONE);
      return [tensor.name, { shape: tensor.dims, values }];
    }),
  );
  const { standings, last } = learnedTensors(onnx, values, numbers);
  const tensors = reals
    .filter(({ dims }) => dims.length > 0)
    .map(({ name, dims }) => {
      const standing = standings.get(name) ?? { constant: 'it is not used' };
      const [role, reason] = 'role' in standing ? [standing.role, ''] : (['other', standing.constant] as const);
      return {
        name,
        shape: dims,
        start: { constant: 0 },
        role,
        learned: reason === '',
        reason,
        values: numbers.get(name)!.values,
      };
    });
  return { tensors, last };
}

function outputWidth({ graph }: OnnxModel, values: ReadonlyMap<string, Tensor>): number {
  const [{ name }] = graph.output;
  const y = values.get(name);
  if (!y) throw shapeError(`expected its output '${name}' from a node, got none. Export it again.`);
  if (y.shape[0] === ROWS && y.shape.slice(2).every((n) => n === 1)) return sizeOfShape(y.shape) / ROWS;
  throw shapeError(
    `output: expected [rows, outputs], got [${y.shape.join(', ')}] for two rows. ` +
      'Export the network with a dynamic first axis, up to one vector for each row.',
  );
}
