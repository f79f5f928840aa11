/** ONNX operators on integers that are known while a graph is built: what exported networks compute shapes with. */
import { cast } from '../elementwise.ts';
import { transpose } from '../shape.ts';
import { data, sizeOfShape, type Tensor } from '../tensor.ts';
import type { NumberArray, Shape } from '../types.ts';
import { type Call, reducedAxes } from './call.ts';
import { cutsOf } from './moving.ts';
import { OPERATORS } from './operators.ts';
import type { OnnxAttribute } from './schema.ts';
import { dtypeOf, unravel, zip } from './values.ts';

/** A call that tells its attributes as they are written. */
export type StaticCall = Call & { attribute(name: string): OnnxAttribute | undefined };
type Decode = (tensor: NonNullable<OnnxAttribute['t']>) => {
  values: NumberArray;
  shape: Shape;
  dtype: Tensor['dtype'];
};

/** What is computed while the graph is built: shapes, and integers made of them. */
export interface Static {
  /** Also where inputs are not integer constants. */
  readonly always?: boolean;
  run(call: StaticCall, constants: readonly NumberArray[], decode: Decode): Tensor;
}

const whole = (values: NumberArray, shape: Shape, dtype: Tensor['dtype'] = 'int64') => data(values, shape, dtype);

const arithmetic = (f: (a: number, b: number) => number, dtype?: Tensor['dtype']): Static => ({
  run: ({ inputs: [a, b] }, [x, y]) => {
    const result = zip(f, { values: x, shape: a!.shape }, { values: y, shape: b!.shape });
    return whole(result.values, result.shape, dtype ?? a!.dtype);
  },
});

/** A reduction of some axes, or of all. */
const reduction = (f: (a: number, b: number) => number): Static => ({
  run: (call, [values]) => {
    const x = call.inputs[0]!;
    const axes = reducedAxes(call);
    if (!axes) return x;
    const kept = x.shape.map((n, axis) => (axes.includes(axis) ? 1 : n));
    const results = new Array<number | undefined>(sizeOfShape(kept)).fill(undefined);
    Array.from(values).forEach((value, flat) => {
      const index = unravel(flat, x.shape);
      const at = kept.reduce((place, n, axis) => place * n + (n === 1 ? 0 : index[axis]), 0);
      const held = results[at];
      results[at] = held === undefined ? value : f(held, value);
    });
    const shape = call.int('keepdims', 1) ? kept : kept.filter((_, axis) => !axes.includes(axis));
    return whole(results as number[], shape, x.dtype);
  },
});

/** An operator that moves numbers, run on the places of the numbers. */
const moving = (type: string): Static => ({
  run: (call, [values]) => {
    const x = call.inputs[0]!;
    const shape = (OPERATORS[type](call) as Tensor).shape;
    return whole(values, shape, x.dtype);
  },
});

export const STATIC: Readonly<Record<string, Static>> = {
  Constant: {
    always: true,
    run: (call, _constants, decode) => {
      const { t, f, i, ints, floats } = Object.assign(
        {},
        ...['value', 'value_float', 'value_int', 'value_ints', 'value_floats'].map(
          (name) => call.attribute(name) ?? {},
        ),
      ) as OnnxAttribute;
      if (t) {
        const { values, shape, dtype } = decode(t);
        return data(values, shape, dtype);
      }
      if (call.attribute('value_float')) return data([f ?? 0], [], 'float32');
      if (call.attribute('value_floats')) return data(floats!, [floats!.length], 'float32');
      if (call.attribute('value_ints')) return whole(ints!, [ints!.length]);
      return call.attribute('value_int') ? whole([i ?? 0], []) : call.fail('its value is neither a tensor nor numbers');
    },
  },
  Shape: {
    always: true,
    run: (call) => {
      const { shape } = call.inputs[0]!;
      const part = shape.slice(call.int('start', 0), call.attribute('end') ? call.int('end', 0) : undefined);
      return whole(part, [part.length]);
    },
  },
  Size: { always: true, run: ({ inputs: [x] }) => whole([sizeOfShape(x!.shape)], []) },
  ConstantOfShape: {
    run: (call, [shape], decode) => {
      const t = call.attribute('value')?.t;
      const { values, dtype } = t ? decode(t) : { values: [0], dtype: 'float32' as const };
      const lengths = Array.from(shape);
      return data(new Array(sizeOfShape(lengths)).fill(values[0]), lengths, dtype);
    },
  },
  Range: {
    run: (_call, [[start], [limit], [delta]]) => {
      const count = Math.max(0, Math.ceil((limit - start) / delta));
      return whole(
        Array.from({ length: count }, (_, i) => start + i * delta),
        [count],
      );
    },
  },
  Cast: {
    always: true,
    run: (call, [values]) => {
      const x = call.inputs[0]!;
      const to = dtypeOf('Cast', call.int('to', 1));
      if (values && !x.dtype.startsWith('float')) return data(values, x.shape, to);
      return values && !to.startsWith('float') ? data(Array.from(values, Math.trunc), x.shape, to) : cast(x, to);
    },
  },
  Gather: {
    run: (call, [values, indices]) => {
      const [x, at] = call.inputs.map((t) => t!);
      const axis = (call.int('axis', 0) + x.shape.length) % x.shape.length;
      const shape = x.shape.toSpliced(axis, 1, ...at.shape);
      const picked = Array.from({ length: sizeOfShape(shape) }, (_, flat) => {
        const index = unravel(flat, shape);
        const place = index.slice(axis, axis + at.shape.length).reduce((f, v, k) => f * at.shape[k] + v, 0);
        const chosen = indices[place] < 0 ? indices[place] + x.shape[axis] : indices[place];
        if (!(chosen >= 0 && chosen < x.shape[axis]))
          call.fail(`it has ${x.shape[axis]} numbers and asks for number ${chosen}`);
        return values[index.toSpliced(axis, at.shape.length, chosen).reduce((f, v, k) => f * x.shape[k] + v, 0)];
      });
      return whole(picked, shape, x.dtype);
    },
  },
  Concat: {
    run: (call, constants) => {
      const [first] = call.inputs;
      if (first!.shape.length !== 1) return OPERATORS.Concat(call) as Tensor;
      const values = constants.flatMap((part) => Array.from(part));
      return whole(values, [values.length], first!.dtype);
    },
  },
  Slice: {
    run: (call, [values]) => {
      const x = call.inputs[0]!;
      if (x.shape.length !== 1) return OPERATORS.Slice(call) as Tensor;
      const kept: number[] = [];
      for (const { start, end, step } of cutsOf(call)) {
        for (let i = start; step > 0 ? i < end : i > end; i += step) kept.push(values[i]);
      }
      return whole(kept, [kept.length], x.dtype);
    },
  },
  Reshape: moving('Reshape'),
  Squeeze: moving('Squeeze'),
  Unsqueeze: moving('Unsqueeze'),
  Identity: moving('Identity'),
  Flatten: moving('Flatten'),
  Transpose: {
    run: (call, [values]) => {
      const x = call.inputs[0]!;
      const turned = transpose(x, call.ints('perm') ?? x.shape.map((_, i) => x.shape.length - 1 - i));
      const order = (turned.node.attributes.order as Shape | undefined) ?? [0];
      const moved = Array.from({ length: values.length }, (_, flat) => {
        const index = unravel(flat, turned.shape);
        return values[x.shape.reduce((f, n, axis) => f * n + index[order.indexOf(axis)], 0)];
      });
      return whole(moved, turned.shape, x.dtype);
    },
  },
  Add: arithmetic((a, b) => a + b),
  Sub: arithmetic((a, b) => a - b),
  Mul: arithmetic((a, b) => a * b),
  Div: arithmetic((a, b) => Math.trunc(a / b)),
  Mod: {
    run: (call, constants, decode) => {
      if (call.int('fmod', 0)) call.fail('fmod is not supported');
      return arithmetic((a, b) => ((a % b) + b) % b).run(call, constants, decode);
    },
  },
  Max: arithmetic(Math.max),
  Min: arithmetic(Math.min),
  Equal: arithmetic((a, b) => Number(a === b), 'bool'),
  Greater: arithmetic((a, b) => Number(a > b), 'bool'),
  GreaterOrEqual: arithmetic((a, b) => Number(a >= b), 'bool'),
  Less: arithmetic((a, b) => Number(a < b), 'bool'),
  LessOrEqual: arithmetic((a, b) => Number(a <= b), 'bool'),
  And: arithmetic((a, b) => Number(a && b), 'bool'),
  Or: arithmetic((a, b) => Number(a || b), 'bool'),
  Not: {
    run: ({ inputs: [x] }, [values]) =>
      whole(
        Array.from(values, (v) => Number(!v)),
        x!.shape,
        'bool',
      ),
  },
  Neg: {
    run: ({ inputs: [x] }, [values]) =>
      whole(
        Array.from(values, (v) => -v),
        x!.shape,
        x!.dtype,
      ),
  },
  ReduceProd: reduction((a, b) => a * b),
  ReduceSum: reduction((a, b) => a + b),
  ReduceMax: reduction(Math.max),
  ReduceMin: reduction(Math.min),
  Where: {
    run: ({ inputs: [condition, a, b] }, [c, x, y]) => {
      const yes = zip(
        (f, v) => (f ? v : Number.NaN),
        { values: c, shape: condition!.shape },
        { values: x, shape: a!.shape },
      );
      const no = zip(
        (f, v) => (f ? Number.NaN : v),
        { values: c, shape: condition!.shape },
        { values: y, shape: b!.shape },
      );
      const both = zip((p, q) => (Number.isNaN(p) ? q : p), yes, no);
      return whole(both.values, both.shape, a!.dtype);
    },
  },
  Expand: {
    run: ({ inputs: [x] }, [values, shape]) => {
      const ones = Array.from(shape);
      const wide = zip(
        (v) => v,
        { values, shape: x!.shape },
        { values: new Array(sizeOfShape(ones)).fill(0), shape: ones },
      );
      return whole(wide.values, wide.shape, x!.dtype);
    },
  },
};
