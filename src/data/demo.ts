/** Generated one-dimensional regression data whose noise grows with x, with a gap that no training row covers. */
import { normals, uniforms } from '../math/random.ts';
import { rootKey, stream } from '../math/threefry.ts';

/** The law of the demo data: y ~ N(mean(x), sd(x)²), x uniform on [−4, −0.5] ∪ [1.5, 4]. */
export const demoTruth = {
  mean: (x: number): number => Math.sin(1.3 * x) + 0.3 * x,
  sd: (x: number): number => 0.05 + 0.08 * (x + 4),
};

/** `rows` lines of `x,y` under a header. The same seed gives the same file. */
export function demoCsv(seed: number, rows = 600): string {
  const key = stream(rootKey(seed), 'data');
  const u = new Float64Array(rows);
  const z = new Float64Array(rows);
  uniforms(key, u);
  normals(stream(key, 'noise'), z);
  const lines = Array.from({ length: rows }, (_, i) => {
    const along = -4 + 6 * u[i];
    const x = along < -0.5 ? along : along + 2;
    return `${x.toFixed(4)},${(demoTruth.mean(x) + demoTruth.sd(x) * z[i]).toFixed(4)}`;
  });
  return `x,y\n${lines.join('\n')}\n`;
}
