/** One node of an ONNX graph in our ops. */
import { shapeError } from '../../errors.ts';
import { constantData, type Tensor } from '../tensor.ts';
import type { NumberArray } from '../types.ts';
import { MICROSOFT_OPERATORS, OPERATORS } from './operators.ts';
import type { OnnxNode } from './schema.ts';
import { STATIC, type StaticCall } from './static.ts';
import { dtypeOf, numbersOf } from './values.ts';

/** `node 'name' (Type)` for messages. */
export const describeNode = (node: OnnxNode): string => `node '${node.name || node.output[0]}' (${node.opType})`;

/** Whether it can be differentiated here. Own names only: a type may be called anything. */
const known = ({ opType, domain = '' }: OnnxNode) =>
  Object.hasOwn(OPERATORS, opType) && (domain === '' || domain === 'ai.onnx' || MICROSOFT_OPERATORS.has(opType));

const staticOf = ({ opType }: OnnxNode) => (Object.hasOwn(STATIC, opType) ? STATIC[opType] : undefined);

export const isKnown = (node: OnnxNode): boolean => known(node) || staticOf(node) !== undefined;

/** The outputs of a node in our ops. Throws a `ShapeError` that names the node and why it cannot be translated. */
export function translate(
  node: OnnxNode,
  inputs: readonly (Tensor | undefined)[],
  opset: number,
  external: (file: string) => Uint8Array,
): readonly Tensor[] {
  const where = describeNode(node);
  const call = callOf(node, inputs, opset);
  if (call.int('broadcast', 0)) call.fail('the broadcasting of opsets before 7 is not supported');
  const constants = inputs.map((x) => x && constantData(x));
  const allInteger = inputs.every((x, i) => !x || (constants[i] !== undefined && !x.dtype.startsWith('float')));
  const fixed = staticOf(node);
  try {
    if (fixed && (allInteger || fixed.always)) {
      return [
        fixed.run(call, constants as NumberArray[], (tensor) => ({
          values: numbersOf(where, tensor, external),
          shape: tensor.dims,
          dtype: dtypeOf(where, tensor.dataType),
        })),
      ];
    }
    if (!known(node)) {
      throw shapeError(
        `${where}: expected an operator that can be differentiated here, got ${node.opType}. See smile inspect.`,
      );
    }
    const result = OPERATORS[node.opType](call);
    return 'node' in result ? [result] : result;
  } catch (cause) {
    const { message } = cause as Error;
    throw message.startsWith(where) ? cause : shapeError(`${where}: ${message}`, { cause });
  }
}

function callOf(node: OnnxNode, inputs: readonly (Tensor | undefined)[], opset: number): StaticCall {
  const attribute = (name: string) => node.attribute.find((a) => a.name === name);
  return {
    inputs,
    opset,
    outputs: node.output.filter(Boolean).length,
    attribute,
    // A number that equals protobuf's default is not on the wire.
    int: (name, otherwise) => (attribute(name) ? (attribute(name)!.i ?? 0) : otherwise),
    ints: (name) => attribute(name)?.ints,
    float: (name, otherwise) => (attribute(name) ? (attribute(name)!.f ?? 0) : otherwise),
    text: (name, otherwise) => {
      const bytes = attribute(name)?.s;
      return bytes ? new TextDecoder().decode(bytes) : otherwise;
    },
    fail(reason) {
      throw shapeError(`${describeNode(node)}: expected a node that can be translated; ${reason}.`);
    },
  };
}
