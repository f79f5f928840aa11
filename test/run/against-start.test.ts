/** Sampling against its start: rows that chose the start are not impartial, and a worse mean is told. */
import { expect, it } from 'vitest';
import type { HeldOutFacts } from '../../src/answers/verdict/held-out.ts';
import { judgePredictions } from '../../src/answers/verdict/predictions.ts';
import { normals } from '../../src/math/random.ts';

const ROWS = 120;

interface Difference {
  nats?: (chose: boolean) => number;
  loss?: (z: number) => number;
}

/** A third of the rows chose the start. Log densities and losses of ours differ from the start's by what is given for row i. */
function compared(seed: number, { nats = () => 0, loss = (z) => z }: Difference = {}): HeldOutFacts {
  const [a, b] = [new Float64Array(ROWS), new Float64Array(ROWS)];
  normals([seed, 1], a);
  normals([seed, 2], b);
  const chose = Uint8Array.from(a, (_, i) => Number(i < ROWS / 3));
  const start = a.map((z) => -1 - z * z);
  const startLoss = a.map((z) => z * z);
  return {
    rows: ROWS,
    pointwise: start.map((v, i) => v + nats(chose[i] === 1) + 0.1 * b[i]),
    start,
    chose,
    startLoss,
    loss: startLoss.map((v, i) => v * loss(1 + 0.2 * b[i])),
    unusable: 0,
    draws: 100,
    where: String,
  };
}
const found = (heldOut: HeldOutFacts) => judgePredictions(heldOut).findings.map(({ check, turns }) => [check, turns]);

it('a loss on the rows that chose the start alone does not turn the answer, unless it is large', () => {
  expect(found(compared(1, { nats: (chose) => (chose ? -0.5 : 0) }))).toEqual([]);
  expect(found(compared(1, { nats: (chose) => (chose ? 0 : -0.5) }))).toEqual([['against the start', true]]);
  expect(found(compared(1, { nats: (chose) => (chose ? -5 : 0) }))).toEqual([['against the start', true]]);
});

it('a mean that sampling made worse is told, with what to do, and turns nothing', () => {
  const { answer, findings } = judgePredictions(compared(1, { loss: (z) => 1.3 * z }));
  expect(answer).toBe('yes');
  expect(findings).toEqual([
    expect.objectContaining({
      check: 'mean against the start',
      turns: false,
      message: expect.stringMatching(
        /^sampling made the mean worse: on 80 rows .* 1\d\.\d % above the deep ensemble's$/,
      ),
      cure: expect.stringContaining('predict --ensemble deep'),
    }),
  ]);
});

it('a mean that is as good is called worse in at most one simulation of a hundred', () => {
  const told = Array.from({ length: 500 }, (_, seed) =>
    found(compared(seed)).filter(([check]) => check === 'mean against the start'),
  );
  expect(told.flat().length).toBeLessThanOrEqual(5);
});

it('too few rows, and losses that are no numbers, say nothing', () => {
  const few = compared(1, { loss: (z) => 2 * z });
  const short = (values: Float64Array | undefined) => values?.slice(0, 19) ?? new Float64Array(19);
  const losses = { loss: short(few.loss), startLoss: short(few.startLoss) };
  const small = { rows: 120, pointwise: short(few.pointwise), ...losses, unusable: 0, draws: 100, where: String };
  expect(found(small)).toEqual([]);
  expect(found({ ...few, loss: few.loss?.map(() => Number.NaN) ?? new Float64Array(0) })).toEqual([]);
});
