/** Small densities and shortcuts for the sampler tests. */
import { stepSync } from '../../src/samplers/drive.ts';
import type { Info, LogDensity, Sampler, State } from '../../src/types.ts';

/** Product of normals of the given variances; a batch adds the linear term s·θ, the noise of the gradient. */
export function gaussian(variance: number[]): LogDensity<Float64Array | undefined> {
  const d = variance.length;
  return {
    dim: d,
    evaluate(theta, noise, value, grad) {
      for (let c = 0; c < value.length; c++) {
        value[c] = 0;
        for (let j = 0; j < d; j++) {
          const i = c * d + j;
          const s = noise?.[i] ?? 0;
          value[c] += (-0.5 * theta[i] ** 2) / variance[j] + s * theta[i];
          grad[i] = -theta[i] / variance[j] + s;
        }
      }
    },
  };
}

/** Steps 0 … steps−1 with `batch(t)`; calls `visit` after each. */
export function run<S extends State, B>(
  sampler: Sampler<S>,
  state: S,
  density: LogDensity<B>,
  batch: (t: number) => B,
  steps: number,
  visit: (info: Info, t: number) => void = () => {},
): void {
  for (let t = 0; t < steps; t++) visit(stepSync(sampler, state, density, batch(t), t), t);
}
