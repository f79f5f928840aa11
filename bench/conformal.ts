/**
 * Conformal coverage on many random splits: predicts the held-out rows of one fit once, then cuts them 200 times into
 * calibration and test rows, overall and within groups (quarters of the predicted mean), each with its own threshold.
 *
 * Command:  npm run build && npx tsx bench/conformal.ts --run RUN [--level 0.9] [--splits 200]
 * Result:   docs/reproduction.md, "Conformal coverage".
 */
import { parseArgs } from 'node:util';
import { conformalThreshold, groupThresholds, quantileScores, scaledScores } from '../src/infer/conformal.ts';
import { mixtureQuantiles } from '../src/infer/mixture.ts';
import { permutation } from '../src/math/random.ts';
import { fold, rootKey } from '../src/math/threefry.ts';
import { withRun } from '../src/spec/opened-run.ts';

const { values } = parseArgs({
  options: {
    run: { type: 'string', default: 'smile-runs/bikesharing-psmile-0' },
    level: { type: 'string', default: '0.9' },
    splits: { type: 'string', default: '200' },
  },
});
const [level, splits] = [Number(values.level), Number(values.splits)];
const KEPT = 200;
const means: Float64Array[] = [];
const sds: Float64Array[] = [];
const y = await withRun(values.run, async (run) => {
  const { valid, test } = run.data;
  const every = Math.max(1, Math.floor(run.drawCount / KEPT));
  for (const rows of [valid, test]) {
    let m = 0;
    let kept = 0;
    for await (const { mean, sd } of run.predict(rows.asked(), run.draws())) {
      if (m++ % every !== 0) continue;
      means[kept] = Float64Array.from([...(means[kept] ?? []), ...mean]);
      sds[kept] = Float64Array.from([...(sds[kept++] ?? []), ...sd]);
    }
  }
  return Float64Array.from([...valid.y, ...test.y]);
});
const n = y.length;
const mean = y.map((_, i) => means.reduce((sum, member) => sum + member[i], 0) / means.length);
const sd = y.map((_, i) =>
  Math.sqrt(means.reduce((s, v, k) => s + sds[k][i] ** 2 + (v[i] - mean[i]) ** 2, 0) / means.length),
);
const outer = Array.from({ length: n }, (_, i) =>
  mixtureQuantiles(
    means.map((v) => v[i]),
    sds.map((v) => v[i]),
    [(1 - level) / 2, (1 + level) / 2],
  ),
);
const edges = [...mean].sort((a, b) => a - b);
const groups = Array.from(
  mean,
  (v) => `quarter ${1 + [0.25, 0.5, 0.75].filter((p) => v > edges[Math.floor(p * n)]).length}`,
);
const scores = {
  cqr: quantileScores(
    y,
    outer.map(([low]) => low),
    outer.map(([, high]) => high),
  ),
  scaled: scaledScores(y, mean, sd),
};
const inside = outer.filter(([low, high], i) => y[i] >= low && y[i] <= high).length / n;
console.log(`${n} held-out rows; ${(100 * inside).toFixed(2)} % inside the plain ${100 * level} % interval`);

const calibration = Math.floor(n / 2);
for (const [method, all] of Object.entries(scores)) {
  const covered = new Map<string, number[]>();
  const widths: number[] = [];
  for (let s = 0; s < splits; s++) {
    const order = permutation(fold(rootKey(7), s), n);
    const [own, fresh] = [order.slice(0, calibration), order.slice(calibration)];
    const pick = (rows: Int32Array) => Float64Array.from(rows, (i) => all[i]);
    const common = conformalThreshold(pick(own), level);
    const within = groupThresholds(
      pick(own),
      Array.from(own, (i) => groups[i]),
      level,
    );
    widths.push(common);
    const note = (name: string, rows: readonly number[], threshold: (i: number) => number) => {
      const share = rows.filter((i) => all[i] <= threshold(i)).length / rows.length;
      covered.set(name, [...(covered.get(name) ?? []), share]);
    };
    note('all rows', [...fresh], () => common);
    for (const group of new Set(groups)) {
      const rows = [...fresh].filter((i) => groups[i] === group);
      note(`${group}, common threshold`, rows, () => common);
      note(`${group}, own threshold`, rows, (i) => within.get(groups[i]) ?? Number.POSITIVE_INFINITY);
    }
  }
  for (const [name, shares] of [...covered].sort(([a], [b]) => a.localeCompare(b))) {
    const average = shares.reduce((a, b) => a + b, 0) / shares.length;
    const spread = Math.sqrt(shares.reduce((a, b) => a + (b - average) ** 2, 0) / (shares.length - 1));
    const rows = name === 'all rows' ? n - calibration : (n - calibration) / 4;
    // Both halves are random: the variance of a split's coverage is about twice the binomial one.
    const expected = Math.sqrt((2 * level * (1 - level)) / rows);
    console.log(
      `${method.padEnd(7)} ${name.padEnd(28)} ${(100 * average).toFixed(2)} % ± ${(100 * spread).toFixed(2)} (expected spread ${(100 * expected).toFixed(2)})`,
    );
  }
}
