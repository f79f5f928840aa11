/** ONNX operators that move numbers and change none. */
import { gather } from '../gather.ts';
import { pad, reshape, reverse, split, strided } from '../shape.ts';
import { checkAxis, constantData, data, sizeOfShape, type Tensor } from '../tensor.ts';
import { type Call, front, integers } from './call.ts';

export function reshaped(call: Call): Tensor {
  const x = call.inputs[0]!;
  const asked = integers(call, 1, 'shape')!;
  const known = asked.map((n, i) => (n === 0 && !call.int('allowzero', 0) ? x.shape[i] : n));
  const rest = sizeOfShape(known.filter((n) => n !== -1));
  if (rest === 0) call.fail('tensors without elements are not supported');
  return reshape(
    x,
    known.map((n) => (n === -1 ? sizeOfShape(x.shape) / rest : n)),
  );
}

/** What a Slice keeps of an axis: from `start` in steps, before `end`. */
interface Cut {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** What a Slice keeps, within the bounds of each axis; `end` is −1 where it goes back to the start. */
export function cutsOf(call: Call): Cut[] {
  const { shape } = call.inputs[0]!;
  const starts = integers(call, 1, 'starts')!;
  const ends = integers(call, 2, 'ends')!;
  const axes = front(integers(call, 3, 'axes') ?? starts.map((_, i) => i), shape);
  const steps = integers(call, 4) ?? starts.map(() => 1);
  return axes.map((axis, k) => {
    const n = shape[axis];
    const step = steps[k] || call.fail('its step is zero');
    const clamp = (v: number, low: number, high: number) => Math.min(Math.max(v < 0 ? v + n : v, low), high);
    return step < 0
      ? { axis, start: clamp(starts[k], 0, n - 1), end: clamp(ends[k], -1, n - 1), step }
      : { axis, start: clamp(starts[k], 0, n), end: clamp(ends[k], 0, n), step };
  });
}

export function sliced(call: Call): Tensor {
  return cutsOf(call).reduce((x, { axis, ...cut }) => {
    const back = cut.step < 0;
    const last = x.shape[axis] - 1;
    const [start, end] = back ? [last - cut.start, last - cut.end] : [cut.start, cut.end];
    if (end <= start) call.fail('it cuts out nothing');
    const none = x.shape.map(() => 0);
    const steps = none.map(() => 1).with(axis, Math.abs(cut.step));
    return strided(back ? reverse(x, [axis]) : x, none.with(axis, start), x.shape.with(axis, end), steps);
  }, call.inputs[0]!);
}

export function splitUp(call: Call): readonly Tensor[] {
  const x = call.inputs[0]!;
  const axis = checkAxis('Split', call.int('axis', 0), x.shape);
  const length = Math.ceil(x.shape[axis] / call.outputs);
  const even = Array.from({ length: call.outputs }, (_, i) => Math.min(length, x.shape[axis] - i * length));
  return split(x, axis, integers(call, 1, 'split') ?? even);
}

export function padded(call: Call): Tensor {
  const x = call.inputs[0]!;
  if (call.text('mode', 'constant') !== 'constant') call.fail(`mode ${call.text('mode', '')} is not supported`);
  const counts = integers(call, 1, 'pads')!;
  const axes = front(integers(call, 3) ?? x.shape.map((_, i) => i), x.shape);
  const [value] = call.inputs[2] ? integers(call, 2)! : [call.float('value', 0)];
  const [before, after] = [0, axes.length].map((from) => {
    const each = x.shape.map(() => 0);
    axes.forEach((axis, i) => {
      each[axis] = counts[from + i];
    });
    return each;
  });
  const cut = strided(
    x,
    before.map((n) => Math.max(-n, 0)),
    x.shape.map((n, i) => n - Math.max(-after[i], 0)),
  );
  const outside = (counts: number[]) => counts.map((n) => Math.max(n, 0));
  return pad(cut, outside(before), outside(after), value);
}

export function unsqueezed(call: Call): Tensor {
  const x = call.inputs[0]!;
  const axes = integers(call, 1, 'axes')!;
  const rank = x.shape.length + axes.length;
  const at = axes.map((axis) => (axis < 0 ? axis + rank : axis));
  const rest = [...x.shape];
  return reshape(
    x,
    Array.from({ length: rank }, (_, i) => (at.includes(i) ? 1 : rest.shift()!)),
  );
}

export function squeezed(call: Call): Tensor {
  const x = call.inputs[0]!;
  const given = integers(call, 1, 'axes');
  const axes = given ? front(given, x.shape) : x.shape.flatMap((n, i) => (n === 1 ? [i] : []));
  return reshape(
    x,
    x.shape.filter((_, i) => !axes.includes(i)),
  );
}

export function gathered(call: Call): Tensor {
  const [x, indices] = call.inputs.map((t) => t!);
  const axis = checkAxis('Gather', call.int('axis', 0), x.shape);
  const known = constantData(indices);
  if (!known) return gather(x, indices, axis);
  const places = Array.from(known, (i) => (i < 0 ? i + x.shape[axis] : i));
  if (places.some((i) => i < 0 || i >= x.shape[axis])) call.fail(`an index lies outside of axis ${axis}`);
  if (places.length > 1) return gather(x, data(places, indices.shape, 'int64'), axis);
  const from = x.shape.map(() => 0).with(axis, places[0]);
  const one = strided(x, from, x.shape.with(axis, places[0] + 1));
  return reshape(one, x.shape.toSpliced(axis, 1, ...indices.shape));
}
