import { describe, expect, it } from 'vitest';
import { type Law, NORMAL } from '../../src/infer/law.ts';
import { logNormal } from '../../src/infer/log-normal.ts';
import { studentScale, varianceScale } from '../../src/infer/scaling.ts';
import { type Axis, logAxis, OWN_AXIS } from '../../src/infer/stretch.ts';
import { STUDENT_T } from '../../src/infer/student-t.ts';

const TARGET = { mean: 20, sd: 30, log: { mean: 2, sd: 1.3 } };
const LAWS: [string, Law, Axis][] = [
  ['normal', NORMAL, OWN_AXIS],
  ['student-t', STUDENT_T, OWN_AXIS],
  ['log-normal', logNormal(TARGET), logAxis(TARGET)],
];

describe.each(LAWS)('a stretched %s law', (_name, law, axis) => {
  const { mean, sd } = law.moments(-0.3, 0.4);
  const { centre, spread } = axis.centred(mean, sd);

  it.each([0.5, 1, 1.7])('is the law with the mean and deviation that are told, by a factor of %d', (scale) => {
    const { mean: moved, factor } = axis.stretched(mean, sd, scale);
    expect(axis.centred(moved, factor * sd).centre).toBeCloseTo(centre, 9);
    expect(axis.centred(moved, factor * sd).spread).toBeCloseTo(scale * spread, 9);
    for (const p of [0.01, 0.3, 0.5, 0.99]) {
      const q = law.quantile(p, moved, factor * sd);
      expect(axis.back(centre + scale * (axis.of(law.quantile(p, mean, sd)) - centre))).toBeCloseTo(q, 9);
      const shrunk = axis.back(centre + (axis.of(q) - centre) / scale);
      const density = law.logDensity(shrunk, mean, sd) - Math.log(scale) + axis.logSlope(q) - axis.logSlope(shrunk);
      expect(law.logDensity(q, moved, factor * sd)).toBeCloseTo(density, 9);
    }
  });
});

it('a far row sets the factor of a normal law, and not that of Student-t', () => {
  const n = 999;
  const z = Array.from({ length: n }, (_, i) => 1.5 * STUDENT_T.quantile((i + 0.5) / n, 0, 1));
  const [zeros, ones] = [z.map(() => 0), z.map(() => 1)];
  expect(studentScale(z, zeros, ones)).toBeCloseTo(1.5, 2);
  z[0] = -1000;
  expect(studentScale(z, zeros, ones)).toBeCloseTo(1.5, 1);
  expect(varianceScale(z, zeros, ones)).toBeGreaterThan(20);
});
