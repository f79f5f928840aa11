/** The vectors of a resident chain in plain float64 arrays, over any log density: what the other implementations must do. */
import { dot, squaredDistance } from '../../src/math/sums.ts';
import type { Combination, Products, ResidentChain } from '../../src/residence.ts';
import { absorbMoments } from '../../src/samplers/preconditioner.ts';
import type { LogDensity } from '../../src/types.ts';

const FIELDS = ['theta', 'velocity', 'gradient', 'multiplier', 'mean', 'square', 'noise'] as const;

/** A chain on a log density of one chain; `preconditioned`: with a multiplier. */
export function plainResident<B>(density: LogDensity<B>, preconditioned: boolean): ResidentChain<B> {
  const d = density.dim;
  const zeros = () => new Float64Array(d);
  const now = Object.fromEntries(FIELDS.map((field) => [field, zeros()])) as Record<
    (typeof FIELDS)[number],
    Float64Array<ArrayBuffer>
  >;
  const marked = { theta: zeros(), gradient: zeros() };
  const value = new Float64Array(1);
  const scaled = (v: Float64Array) => (preconditioned ? v.map((x, i) => now.multiplier[i] * x) : v);
  const turn = ({ gradient, velocity }: Combination) => {
    const g = scaled(now.gradient);
    for (let i = 0; i < d; i++) now.velocity[i] = gradient * g[i] + velocity * now.velocity[i];
  };
  const products = (): Products => {
    const { velocity } = now;
    const g = scaled(now.gradient);
    return { square: dot(g, g), along: dot(velocity, g), length: dot(velocity, velocity) };
  };
  return {
    dim: d,
    async start(theta, velocity) {
      for (const field of FIELDS) now[field].fill(field === 'multiplier' ? 1 : 0);
      now.theta.set(theta);
      now.velocity.set(velocity);
    },
    async move(combination, drift, batch) {
      turn(combination);
      const u = scaled(now.velocity);
      for (let i = 0; i < d; i++) now.theta[i] += drift * u[i];
      await density.evaluate(now.theta, batch, value, now.gradient);
      return { ...products(), value: value[0], distance: squaredDistance(now.theta, marked.theta, 0, d) };
    },
    mark() {
      marked.theta.set(now.theta);
      marked.gradient.set(now.gradient);
    },
    async restore(velocity) {
      now.theta.set(marked.theta);
      now.gradient.set(marked.gradient);
      now.velocity.set(velocity);
      return products();
    },
    async learn(w, v) {
      absorbMoments(now.mean, now.square, now.gradient, 0, d, w, v);
      return now.square.reduce((sum, s) => sum + s, 0);
    },
    async renew(combination, share, rest) {
      turn(combination);
      for (let i = 0; i < d; i++) now.multiplier[i] = 1 / Math.sqrt(share * now.square[i] + rest);
      return products();
    },
    async meter(w, share) {
      const { gradient, noise } = now;
      for (let i = 0; i < d; i++) noise[i] += w * (0.5 * share * (gradient[i] - marked.gradient[i]) ** 2 - noise[i]);
    },
    position: async () => now.theta.slice(),
    read: async () => Object.fromEntries(FIELDS.map((field) => [field, now[field].slice()])),
    async write(vectors) {
      for (const field of FIELDS) now[field].set(vectors[field]);
    },
    release: async () => {},
  };
}
