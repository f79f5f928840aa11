/**
 * Nanoseconds per chain-step of SMILE-naive on ICG under correlated noise, 100 chains × 10 dimensions, random numbers
 * included, beside the same arithmetic in C (compiled here with `cc -O3 -march=native`; skipped where there is no cc).
 * Then the cost of a step against d and against the number of chains, up to 10⁶ parameters.
 *
 * Command:  npx tsx bench/kernel.ts
 * Cost:     about a minute. Result: docs/reproduction.md, "Cost of a chain-step".
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fold, rootKey, stream } from '../src/math/threefry.ts';
import { stepSync } from '../src/samplers/drive.ts';
import { smileSampler } from '../src/samplers/smile.ts';
import { fromAxes, icg, SPECTRUM, standardNormal } from '../src/targets/gaussian.ts';
import { injectedForce, noisy } from '../src/targets/noise.ts';
import { TARGET_AXES } from '../src/targets/rotations.ts';

const [CHAINS, D, STEPS, ROUNDS, EPSILON] = [100, 10, 4000, 9, 0.001];
const median = (v: number[]) => v.toSorted((a, b) => a - b)[v.length >> 1];

function compile(): string | undefined {
  const out = join(mkdtempSync(join(tmpdir(), 'smile-kernel-')), 'kernel');
  try {
    execFileSync('cc', ['-O3', '-march=native', '-o', out, join(import.meta.dirname, 'kernel.c'), '-lm']);
    return out;
  } catch {
    console.log('no C compiler that works: the comparison with C is skipped');
  }
}

const keys = Array.from({ length: CHAINS }, (_, c) => fold(rootKey(1), c));
const density = noisy(icg());
const noise = new Float64Array(CHAINS * D);

/** One round from the start; ns per chain-step and Σθ². */
function round(): [number, number] {
  const force = injectedForce('correlated', { scale: 15.995 });
  const sampler = smileSampler('smile-naive', { stepSize: EPSILON });
  const state = sampler.init(new Float64Array(CHAINS * D), keys);
  const began = performance.now();
  for (let t = 0; t < STEPS; t++) {
    force(keys, t, noise);
    stepSync(sampler, state, density, noise, t);
  }
  const ns = ((performance.now() - began) * 1e6) / STEPS / CHAINS;
  return [ns, state.theta.reduce((sum, x) => sum + x * x, 0)];
}

const native = compile();
const start = smileSampler('smile-naive', {}).init(new Float64Array(CHAINS * D), keys);
const input = [
  ...fromAxes(
    TARGET_AXES,
    SPECTRUM.map((c) => 1 / c ** 2),
  ).flat(),
  ...TARGET_AXES.flatMap((row) => row.map((x, k) => x * SPECTRUM[k])),
  ...keys.flatMap((key) => stream(key, 'noise').map((word) => word >>> 0)),
  ...start.velocity,
].join(' ');

const times = { ts: [] as number[], c: [] as number[] };
let sums = ['', ''];
for (let r = 0; r < ROUNDS; r++) {
  const [ns, sum] = round();
  times.ts.push(ns);
  if (!native) continue;
  const [cNs, cSum] = execFileSync(native, [String(CHAINS), String(STEPS), String(EPSILON)], { input })
    .toString()
    .split(' ');
  times.c.push(Number(cNs));
  sums = [sum.toPrecision(9), Number(cSum).toPrecision(9)];
}
console.log(
  `TypeScript ${median(times.ts).toFixed(0)} ns per chain-step (${CHAINS} chains × ${D}, two gradients, noise included)`,
);
if (native) {
  console.log(`C          ${median(times.c).toFixed(0)} ns per chain-step`);
  console.log(
    `ratio      ${median(times.ts.map((ts, i) => ts / times.c[i])).toFixed(2)} (median over ${ROUNDS} rounds, side by side)`,
  );
  console.log(`Σθ² after ${STEPS} steps: ${sums.join(' and ')}`);
}

console.log('\nns per parameter and step on a standard normal, SMILE-naive:');
for (const [chains, d] of [
  [1, 1e2],
  [1, 1e3],
  [1, 1e4],
  [1, 1e5],
  [1, 1e6],
  [10, 1e5],
  [100, 1e4],
  [1000, 1e3],
]) {
  const target = standardNormal(d);
  const sampler = smileSampler('smile-naive', { stepSize: 0.1 });
  const state = sampler.init(
    new Float64Array(chains * d),
    Array.from({ length: chains }, (_, c) => fold(rootKey(2), c)),
  );
  const steps = Math.max(8, Math.round(2e7 / (chains * d)));
  const rounds = Array.from({ length: 5 }, (_, r) => {
    const began = performance.now();
    for (let t = 0; t < steps; t++) stepSync(sampler, state, target, undefined, r * steps + t);
    return ((performance.now() - began) * 1e6) / steps / chains / d;
  });
  console.log(`${String(chains).padStart(5)} chains × ${String(d).padStart(8)}: ${median(rounds).toFixed(2)}`);
}
