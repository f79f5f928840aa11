/** What the web page samples, without the page: formulas, densities, truths, noise, settings, and the tour's claims. */
import { describe, expect, it } from 'vitest';
import { fold, rootKey } from '../../src/math/threefry.ts';
import { deviations, ellipseForce, underForce, varianceAlong } from '../../web/stage/ellipse.ts';
import { parseFormula } from '../../web/stage/formula.ts';
import { PLANE_NAMES, PLANES, planeTarget, repeated } from '../../web/stage/planes.ts';
import { DEFAULTS, fromHash, type Settings, toHash } from '../../web/stage/settings.ts';
import { DIMENSION, simulation } from '../../web/stage/simulation.ts';
import { TOUR } from '../../web/stage/tour.ts';
import { axesOf, truthOf } from '../../web/stage/truth.ts';

const POINTS = [
  [0.3, -0.7],
  [-1.2, 0.4],
  [2.1, 1.3],
] as const;

/** Value and central differences of a plane's density. */
function differences(f: (x: number, y: number, out: Float64Array) => void, x: number, y: number) {
  const at = (a: number, b: number) => {
    const out = new Float64Array(3);
    f(a, b, out);
    return out[0];
  };
  const h = 1e-5;
  return [(at(x + h, y) - at(x - h, y)) / (2 * h), (at(x, y + h) - at(x, y - h)) / (2 * h)];
}

describe('a formula', () => {
  it.each([
    '-0.5*(x^2 + y^2)',
    '-x^2*y^2 - 0.1*(x^4 + y^4)',
    'exp(-x^2)*sin(3*y) - abs(x) - tanh(y)/2',
    '-sqrt(1 + x^2 + 2*y^2) + cos(pi*x)',
    'log(1 + x^2) - e^(y/2) - (x^2+1)^(y/3)',
    '-(-x)*y - +y/(2+x^2) - 2**(x/2)',
  ])('%s has the gradient of its differences', (text) => {
    const f = parseFormula(text);
    const out = new Float64Array(3);
    for (const [x, y] of POINTS) {
      f(x, y, out);
      const [dx, dy] = differences(f, x, y);
      expect(out[1]).toBeCloseTo(dx, 6);
      expect(out[2]).toBeCloseTo(dy, 6);
    }
  });

  it('binds powers tighter than signs and products, and to the right', () => {
    const value = (text: string) => {
      const out = new Float64Array(3);
      parseFormula(text)(3, 2, out);
      return out[0];
    };
    expect(value('-x^2')).toBe(-9);
    expect(value('2*x^2')).toBe(18);
    expect(value('2^x^2')).toBe(512);
    expect(value('2*-x^2 + 4^-1^y')).toBe(-17.75);
    expect(value('(-x)^2')).toBe(9);
    expect(value('x - y - 1')).toBe(0);
  });

  it.each([
    ['x +', 'formula: '],
    ['z + 1', "expected x, y, pi or e, got 'z'"],
    ['gamma(x)', "got 'gamma'"],
    ['exp(x, y)', 'expected one argument of exp, got 2'],
    ['x % y', "got '%'"],
    ['x == y', "got '=='"],
    ['x.y', 'expected an expression'],
    ['', 'expected an expression'],
  ])('%j is refused with a reason', (text, reason) => {
    expect(() => parseFormula(text)).toThrow(reason);
  });

  it('must fall off, and have values', () => {
    expect(() => truthOf(planeTarget('formula', '-x^2'))).toThrow('falls off within the plane');
    expect(() => truthOf(planeTarget('formula', 'log(-1 - x^2)'))).toThrow('expected finite values');
  });
});

describe('the densities', () => {
  it.each(Object.keys(PLANES) as (keyof typeof PLANES)[])('%s: gradient of its differences', (name) => {
    const { density } = PLANES[name];
    const out = new Float64Array(3);
    for (const [x, y] of POINTS) {
      density(x, y, out);
      const [dx, dy] = differences(density, x, y);
      expect(Math.abs(out[1] - dx)).toBeLessThan(1e-5 * (1 + Math.abs(dx)));
      expect(Math.abs(out[2] - dy)).toBeLessThan(1e-5 * (1 + Math.abs(dy)));
    }
  });

  it('have the moments that are known in closed form', () => {
    const round = truthOf(PLANES.round);
    expect(round.square[0]).toBeCloseTo(1, 6);
    expect(round.squareVariance[1]).toBeCloseTo(2, 5);
    const correlated = truthOf(PLANES.correlated);
    expect(correlated.covariance[1]).toBeCloseTo(0.8, 6);
    const [[x, y]] = axesOf(correlated, 0);
    expect([x, y]).toEqual([Math.SQRT1_2, Math.SQRT1_2].map((v) => expect.closeTo(v, 9)));
    const grid = truthOf(PLANES.grid);
    expect(grid.square[0]).toBeCloseTo(8 + 0.03, 4);
    const banana = truthOf(PLANES.banana);
    expect(banana.square[0]).toBeCloseTo(2, 1); // x ~ N(0, 2), y ~ N(0.35 (x² − 2), ¼), but for the edge of the plane
    expect(banana.covariance[2]).toBeCloseTo(0.25 + 0.35 ** 2 * 8, 1);
    expect(round.marginals[0].reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 4);
  });

  it('repeat side by side', () => {
    const two = repeated(PLANES.correlated.density, 2);
    const out = new Float64Array(3);
    const [value, grad] = [new Float64Array(1), new Float64Array(4)];
    two.evaluate(Float64Array.of(1, 2, -1, 0.5), undefined, value, grad);
    PLANES.correlated.density(1, 2, out);
    expect([grad[0], grad[1]]).toEqual([out[1], out[2]]);
    const first = out[0];
    PLANES.correlated.density(-1, 0.5, out);
    expect(value[0]).toBe(first + out[0]);
  });
});

describe('the noise', () => {
  const noise = { ...DEFAULTS.noise, major: 8, minor: 2, angle: 0.5, batch: 16 };

  it.each(['normal', 'laplace', 'student-t'] as const)('%s: has the covariance of its ellipse', (law) => {
    const chains = 500;
    const keys = Array.from({ length: chains }, (_, c) => fold(rootKey(3), c));
    const fill = ellipseForce({ ...noise, law });
    const force = new Float64Array(chains * DIMENSION);
    const [c, s] = [Math.cos(0.5), Math.sin(0.5)];
    const sums = [0, 0, 0];
    let n = 0;
    for (let t = 0; t < 40; t++) {
      fill(keys, t, force);
      for (let i = 0; i < force.length; i += 2) {
        const [a, b] = [c * force[i] + s * force[i + 1], -s * force[i] + c * force[i + 1]];
        sums[0] += a * a;
        sums[1] += b * b;
        sums[2] += a * b;
        n++;
      }
    }
    const [major, minor] = deviations(noise);
    expect([major, minor]).toEqual([16, 4]);
    const heavy = law === 'student-t' ? 0.25 : 0.03;
    expect(Math.abs(sums[0] / n / major ** 2 - 1)).toBeLessThan(heavy);
    expect(Math.abs(sums[1] / n / minor ** 2 - 1)).toBeLessThan(heavy);
    expect(Math.abs(sums[2] / n / (major * minor))).toBeLessThan(heavy);
    expect(varianceAlong(noise, [[c, s]])[0]).toBeCloseTo(256, 9);
  });

  it('is the gradient of the log density it enters, tilted or not', () => {
    for (const tilt of [0, 0.4]) {
      const density = underForce(repeated(PLANES.round.density, 2), tilt);
      const theta = Float64Array.of(0.3, -0.5, 1.1, 0.2);
      const force = Float64Array.of(2, -1, 0.5, 3);
      const [value, grad] = [new Float64Array(1), new Float64Array(4)];
      const at = (i: number, h: number) => {
        const moved = theta.slice();
        moved[i] += h;
        density.evaluate(moved, force, value, new Float64Array(4));
        return value[0];
      };
      density.evaluate(theta, force, value, grad);
      for (let i = 0; i < 4; i++) expect(grad[i]).toBeCloseTo((at(i, 1e-5) - at(i, -1e-5)) / 2e-5, 6);
    }
  });
});

describe('the settings', () => {
  const strange: Settings = {
    ...DEFAULTS,
    target: 'formula',
    formula: '-x^2 & # = "y"',
    noise: { major: 3.25, minor: 40, angle: -2.5, law: 'student-t', batch: 512, tilt: -0.25 },
    chains: 7,
    seed: 99,
    speed: 1500,
    left: { sampler: 'psmile', mode: 'paper', stepSize: 0.0125, decoherence: 3, tuner: 'quantile', guard: false },
  };

  it('survive the address bar', () => {
    expect(fromHash(toHash(strange))).toEqual(strange);
    expect(fromHash(`#${toHash(strange)}`)).toEqual(strange);
    expect(toHash(DEFAULTS)).toBe('');
    for (const { settings } of TOUR) expect(fromHash(toHash(settings))).toEqual(settings);
  });

  it('take nonsense for nothing and numbers out of range for the nearest', () => {
    expect(fromHash('#target=moon&chains=abc&left=nuts+loud+x&noise=+&batch=')).toEqual(DEFAULTS);
    expect(fromHash('#chains=9999&noise=-5+1e9+0&tilt=7')).toMatchObject({
      chains: 200,
      noise: { major: 0, minor: 60, tilt: 1 },
    });
    expect(PLANE_NAMES.length).toBe(7);
  });
});

describe('a simulation', () => {
  it('goes the same way whatever the portions it is asked for', () => {
    const whole = simulation(DEFAULTS, DEFAULTS.right);
    const parts = simulation(DEFAULTS, DEFAULTS.right);
    whole.advance(1500);
    for (let g = 7; g < 1500; g += 13) parts.advance(g);
    parts.advance(1500);
    expect(parts.state.theta).toEqual(whole.state.theta);
    expect(parts.readout()).toEqual(whole.readout());
  });

  it('measures nothing during warm-up', () => {
    const early = simulation(DEFAULTS, DEFAULTS.left);
    early.advance(1000);
    expect(early.readout().warm).toBe(false);
    expect(early.readout().bias).toBeNaN();
  });

  it('agrees with theory about a bent posterior', () => {
    const bent = simulation(DEFAULTS, DEFAULTS.left);
    bent.advance(8000);
    const { temperatures, predicted } = bent.readout();
    expect(predicted?.map((t) => Number(t.toFixed(6)))).toEqual([1.8, 0.2]);
    expect(Math.abs(temperatures[0] - 1.8)).toBeLessThan(0.1);
    expect(Math.abs(temperatures[1] - 0.2)).toBeLessThan(0.1);
  });

  it('flashes where a chain was reset, once', () => {
    const guarded = simulation(TOUR[4].settings, TOUR[4].settings.left);
    guarded.advance(1000);
    expect(guarded.flashes().some((f) => f === 1)).toBe(true);
    expect(guarded.flashes().some((f) => f === 1)).toBe(false);
  });
});
