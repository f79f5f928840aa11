/**
 * The passes over a block of chains that cost the most, in AssemblyScript with SIMD: `npm run kernels` compiles them into
 * `src/math/kernels.ts`. Each does what a plain TypeScript function does, in the same order, so to the same bits; the
 * two lanes of a vector are the plain function's two partial sums. Arrays are addresses of float64, 0 for none.
 */

function at(array: usize, i: i32): usize {
  return array + ((<usize>i) << 3);
}

function sum(v: v128): f64 {
  return f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1);
}

/** `out[3c …]` = ‖m ⊙ g‖², u·(m ⊙ g), ‖u‖² of every chain. */
export function products(u: usize, g: usize, m: usize, out: usize, chains: i32, d: i32): void {
  for (let c = 0; c < chains; c++) {
    let square = f64x2.splat(0);
    let along = f64x2.splat(0);
    let length = f64x2.splat(0);
    let i = c * d;
    const end = i + d;
    for (; i + 1 < end; i += 2) {
      const a = v128.load(at(u, i));
      let b = v128.load(at(g, i));
      if (m) b = f64x2.mul(v128.load(at(m, i)), b);
      square = f64x2.add(square, f64x2.mul(b, b));
      along = f64x2.add(along, f64x2.mul(a, b));
      length = f64x2.add(length, f64x2.mul(a, a));
    }
    if (i < end) {
      const a = v128.load64_zero(at(u, i));
      let b = v128.load64_zero(at(g, i));
      if (m) b = f64x2.mul(v128.load64_zero(at(m, i)), b);
      square = f64x2.add(square, f64x2.mul(b, b));
      along = f64x2.add(along, f64x2.mul(a, b));
      length = f64x2.add(length, f64x2.mul(a, a));
    }
    store<f64>(at(out, 3 * c), sum(square));
    store<f64>(at(out, 3 * c + 1), sum(along));
    store<f64>(at(out, 3 * c + 2), sum(length));
  }
}

/** u ← α m ⊙ g + β u, then θ ← θ + λ m ⊙ u, with α, β, λ of chain c at `turns[3c …]`. No θ: no drift. */
export function turn(u: usize, g: usize, m: usize, theta: usize, turns: usize, chains: i32, d: i32): void {
  for (let c = 0; c < chains; c++) {
    const alpha = v128.load64_splat(at(turns, 3 * c));
    const beta = v128.load64_splat(at(turns, 3 * c + 1));
    const lambda = v128.load64_splat(at(turns, 3 * c + 2));
    let i = c * d;
    const end = i + d;
    for (; i + 1 < end; i += 2) {
      let a = alpha;
      let l = lambda;
      if (m) {
        const scale = v128.load(at(m, i));
        a = f64x2.mul(a, scale);
        l = f64x2.mul(l, scale);
      }
      const turned = f64x2.add(f64x2.mul(a, v128.load(at(g, i))), f64x2.mul(beta, v128.load(at(u, i))));
      v128.store(at(u, i), turned);
      if (theta) v128.store(at(theta, i), f64x2.add(v128.load(at(theta, i)), f64x2.mul(l, turned)));
    }
    if (i < end) {
      const scale = m ? load<f64>(at(m, i)) : 1;
      const a = f64x2.extract_lane(alpha, 0) * scale;
      const turned = a * load<f64>(at(g, i)) + f64x2.extract_lane(beta, 0) * load<f64>(at(u, i));
      store<f64>(at(u, i), turned);
      if (theta) store<f64>(at(theta, i), load<f64>(at(theta, i)) + f64x2.extract_lane(lambda, 0) * scale * turned);
    }
  }
}

/** `out[c]` = ‖a − b‖² of every chain. */
export function squaredDistances(a: usize, b: usize, out: usize, chains: i32, d: i32): void {
  for (let c = 0; c < chains; c++) {
    let square = f64x2.splat(0);
    let i = c * d;
    const end = i + d;
    for (; i + 1 < end; i += 2) {
      const difference = f64x2.sub(v128.load(at(a, i)), v128.load(at(b, i)));
      square = f64x2.add(square, f64x2.mul(difference, difference));
    }
    if (i < end) {
      const difference = f64x2.sub(v128.load64_zero(at(a, i)), v128.load64_zero(at(b, i)));
      square = f64x2.add(square, f64x2.mul(difference, difference));
    }
    store<f64>(at(out, c), sum(square));
  }
}

/** Σ v[i]² over [0, n), in the plain function's four partial sums. */
export function sumOfSquares(v: usize, n: i32): f64 {
  let first = f64x2.splat(0);
  let second = f64x2.splat(0);
  let i = 0;
  for (; i + 3 < n; i += 4) {
    const a = v128.load(at(v, i));
    const b = v128.load(at(v, i), 16);
    first = f64x2.add(first, f64x2.mul(a, a));
    second = f64x2.add(second, f64x2.mul(b, b));
  }
  for (; i < n; i++) {
    const a = v128.load64_zero(at(v, i));
    first = f64x2.add(first, f64x2.mul(a, a));
  }
  return sum(first) + sum(second);
}

/** μ ← μ + v(g − μ), then S² ← S² + w((g − μ)² − S²) with the new μ. */
export function absorbMoments(mean: usize, square: usize, g: usize, d: i32, w: f64, v: f64): void {
  const ws = f64x2.splat(w);
  const vs = f64x2.splat(v);
  let i = 0;
  for (; i + 1 < d; i += 2) {
    const a = v128.load(at(g, i));
    let mu = v128.load(at(mean, i));
    const s = v128.load(at(square, i));
    mu = f64x2.add(mu, f64x2.mul(vs, f64x2.sub(a, mu)));
    const deviation = f64x2.sub(a, mu);
    v128.store(at(mean, i), mu);
    v128.store(at(square, i), f64x2.add(s, f64x2.mul(ws, f64x2.sub(f64x2.mul(deviation, deviation), s))));
  }
  if (i < d) {
    const a = load<f64>(at(g, i));
    const s = load<f64>(at(square, i));
    let mu = load<f64>(at(mean, i));
    mu += v * (a - mu);
    store<f64>(at(mean, i), mu);
    store<f64>(at(square, i), s + w * ((a - mu) * (a - mu) - s));
  }
}

/** `out[i·size + j]` = `columns[i·rows + picked[j]]`, float32, for `count` columns. */
export function gather(columns: usize, rows: i32, picked: usize, size: i32, out: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    let j = 0;
    for (; j + 3 < size; j += 4) {
      const four = picked + ((<usize>j) << 2);
      const a = f32x4.splat(load<f32>(columns + ((<usize>load<i32>(four)) << 2)));
      const b = v128.load32_lane(columns + ((<usize>load<i32>(four, 4)) << 2), a, 1);
      const c = v128.load32_lane(columns + ((<usize>load<i32>(four, 8)) << 2), b, 2);
      v128.store(out, v128.load32_lane(columns + ((<usize>load<i32>(four, 12)) << 2), c, 3));
      out += 16;
    }
    for (; j < size; j++) {
      store<f32>(out, load<f32>(columns + ((<usize>load<i32>(picked + ((<usize>j) << 2))) << 2)));
      out += 4;
    }
    columns += (<usize>rows) << 2;
  }
}
