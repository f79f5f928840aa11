/**
 * The passes over a block of chains that cost the most, in AssemblyScript with SIMD: `npm run kernels` compiles them into
 * `src/math/kernels.ts`. Each does what a plain TypeScript function does, in the same order, so to the same bits; the
 * two lanes of a vector are the plain function's two partial sums. Arrays are addresses of float64, 0 for none.
 * Logarithms and exponentials are fdlibm's, as `Math`'s are (© 1993 Sun Microsystems, Inc., free to use with this notice).
 */

function at(array: usize, i: i32): usize {
  return array + ((<usize>i) << 3);
}

function sum(v: v128): f64 {
  return f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1);
}

/** Rows of `out` `[3 × C]`: ‖m ⊙ g‖², u·(m ⊙ g), ‖u‖² of every chain. */
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
    store<f64>(at(out, c), sum(square));
    store<f64>(at(out, chains + c), sum(along));
    store<f64>(at(out, 2 * chains + c), sum(length));
  }
}

/** u ← α m ⊙ g + β u, then θ ← θ + λ ε m ⊙ u, with α and β of the chains in rows of `turns`. No θ: no drift. */
export function combine(
  u: usize,
  g: usize,
  m: usize,
  theta: usize,
  turns: usize,
  stepSize: usize,
  drift: f64,
  chains: i32,
  d: i32,
): void {
  for (let c = 0; c < chains; c++) {
    const alpha = v128.load64_splat(at(turns, c));
    const beta = v128.load64_splat(at(turns, chains + c));
    const lambda = f64x2.splat(drift * load<f64>(at(stepSize, c)));
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

/**
 * Turns the products of chains from `first` on into α and β of their kicks over `kick` ε, and adds the energy changes to
 * `kinetic`; two chains at a time, by the part of fdlibm's functions that serves short kicks. Returns the first of two
 * chains that need the plain function, or C.
 */
export function turnShortly(
  turns: usize,
  stepSize: usize,
  kinetic: usize,
  kick: f64,
  first: i32,
  chains: i32,
  d: i32,
): i32 {
  const one = f64x2.splat(1);
  const half = f64x2.splat(0.5);
  const two = f64x2.splat(2);
  const spread = f64x2.splat(<f64>(d - 1));
  for (let c = first; c + 1 < chains; c += 2) {
    const square = v128.load(at(turns, c));
    const along = v128.load(at(turns, chains + c));
    const length = v128.load(at(turns, 2 * chains + c));
    const norm = f64x2.sqrt(square);
    const p = f64x2.div(along, norm);
    const h = f64x2.mul(f64x2.splat(kick), v128.load(at(stepSize, c)));
    const delta = f64x2.div(f64x2.mul(h, norm), spread);
    const fall = f64x2.neg(expm1Near(f64x2.neg(delta)));
    const zeta = f64x2.sub(one, fall);
    const toGradient = f64x2.div(f64x2.mul(fall, f64x2.add(f64x2.add(one, zeta), f64x2.mul(p, fall))), norm);
    const kept = f64x2.mul(two, zeta);
    let raw = f64x2.mul(f64x2.mul(toGradient, toGradient), square);
    raw = f64x2.add(raw, f64x2.mul(f64x2.mul(f64x2.mul(two, toGradient), kept), along));
    raw = f64x2.sqrt(f64x2.add(raw, f64x2.mul(f64x2.mul(kept, kept), length)));
    const dip = f64x2.mul(f64x2.mul(half, f64x2.sub(one, p)), expm1Near(f64x2.mul(f64x2.splat(-2), delta)));
    let near = v128.and(f64x2.gt(norm, f64x2.splat(1e-13)), f64x2.ge(raw, f64x2.splat(1e-12)));
    near = v128.and(near, v128.and(f64x2.gt(delta, f64x2.splat(1e-16)), f64x2.lt(delta, f64x2.splat(0.17))));
    near = v128.and(near, v128.and(f64x2.lt(dip, f64x2.splat(-1e-8)), f64x2.gt(dip, f64x2.splat(-0.29))));
    if (!i64x2.all_true(near)) return c;
    v128.store(at(turns, c), f64x2.div(toGradient, raw));
    v128.store(at(turns, chains + c), f64x2.div(kept, raw));
    const rise = f64x2.max(f64x2.add(delta, log1pNear(dip)), f64x2.neg(delta));
    v128.store(at(kinetic, c), f64x2.add(v128.load(at(kinetic, c)), f64x2.mul(spread, rise)));
  }
  return chains & ~1;
}

/** e^x − 1 for 2⁻⁵⁴ ≤ |x| < 0.346. */
function expm1Near(x: v128): v128 {
  const half = f64x2.mul(f64x2.splat(0.5), x);
  const z = f64x2.mul(x, half);
  let r = f64x2.add(f64x2.splat(4.008217827329362e-6), f64x2.mul(z, f64x2.splat(-2.0109921818362437e-7)));
  r = f64x2.add(f64x2.splat(-7.93650757867488e-5), f64x2.mul(z, r));
  r = f64x2.add(f64x2.splat(0.0015873015872548146), f64x2.mul(z, r));
  r = f64x2.add(f64x2.splat(-0.03333333333333313), f64x2.mul(z, r));
  r = f64x2.add(f64x2.splat(1), f64x2.mul(z, r));
  const t = f64x2.sub(f64x2.splat(3), f64x2.mul(r, half));
  const e = f64x2.mul(z, f64x2.div(f64x2.sub(r, t), f64x2.sub(f64x2.splat(6), f64x2.mul(x, t))));
  return f64x2.sub(x, f64x2.sub(f64x2.mul(x, e), z));
}

/** ln(1 + x) for 2⁻²⁹ ≤ |x|, −0.29 < x < 0.41. */
function log1pNear(x: v128): v128 {
  const s = f64x2.div(x, f64x2.add(f64x2.splat(2), x));
  const z = f64x2.mul(s, s);
  let r = f64x2.add(f64x2.splat(0.15313837699209373), f64x2.mul(z, f64x2.splat(0.14798198605116586)));
  r = f64x2.add(f64x2.splat(0.1818357216161805), f64x2.mul(z, r));
  r = f64x2.add(f64x2.splat(0.22222198432149784), f64x2.mul(z, r));
  r = f64x2.add(f64x2.splat(0.2857142874366239), f64x2.mul(z, r));
  r = f64x2.add(f64x2.splat(0.3999999999940942), f64x2.mul(z, r));
  r = f64x2.mul(z, f64x2.add(f64x2.splat(0.6666666666666735), f64x2.mul(z, r)));
  const half = f64x2.mul(f64x2.mul(f64x2.splat(0.5), x), x);
  return f64x2.sub(x, f64x2.sub(half, f64x2.mul(s, f64x2.add(half, r))));
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

/** `out` = α M v for the vector v of every chain, M `[d × d]` column by column. Every sum runs over k in order. */
export function multiply(columns: usize, v: usize, out: usize, alpha: f64, chains: i32, d: i32): void {
  const alphas = f64x2.splat(alpha);
  for (let c = 0; c < chains; c++) {
    let i = 0;
    for (; i + 7 < d; i += 8) {
      let column = at(columns, i);
      let p = f64x2.splat(0);
      let q = p;
      let r = p;
      let s = p;
      for (let k = 0; k < d; k++) {
        const x = v128.load64_splat(at(v, k));
        p = f64x2.add(p, f64x2.mul(v128.load(column), x));
        q = f64x2.add(q, f64x2.mul(v128.load(column, 16), x));
        r = f64x2.add(r, f64x2.mul(v128.load(column, 32), x));
        s = f64x2.add(s, f64x2.mul(v128.load(column, 48), x));
        column = at(column, d);
      }
      v128.store(at(out, i), f64x2.mul(alphas, p));
      v128.store(at(out, i), f64x2.mul(alphas, q), 16);
      v128.store(at(out, i), f64x2.mul(alphas, r), 32);
      v128.store(at(out, i), f64x2.mul(alphas, s), 48);
    }
    for (; i + 1 < d; i += 2) {
      let p = f64x2.splat(0);
      let column = at(columns, i);
      for (let k = 0; k < d; k++) {
        p = f64x2.add(p, f64x2.mul(v128.load(column), v128.load64_splat(at(v, k))));
        column = at(column, d);
      }
      v128.store(at(out, i), f64x2.mul(alphas, p));
    }
    if (i < d) {
      let p: f64 = 0;
      for (let k = 0; k < d; k++) p += load<f64>(at(columns, k * d + i)) * load<f64>(at(v, k));
      store<f64>(at(out, i), alpha * p);
    }
    v = at(v, d);
    out = at(out, d);
  }
}

/** `Math.log`, so that its bits are those of the plain functions. */
declare function log(x: f64): f64;

/** Standard normals `[C × d]` from the generators that `fold(streams[c], step)` seeds. */
export function normals(streams: usize, low: i32, high: i32, out: usize, chains: i32, d: i32): void {
  const even = d & ~1;
  for (let c = 0; c < chains; c++) {
    const words = threefry(load<i32>(streams), load<i32>(streams, 4), low, high);
    points(<i32>words, <i32>(words >> 32), out, d);
    streams += 8;
    out = at(out, d);
  }
  if (even === d) stretch(at(out, -chains * d), chains * d);
  else for (let c = 1; c <= chains; c++) stretch(at(out, -c * d), even);
}

/** Turns points (x, y) in the unit disc into pairs of normals: times √(−2 ln s / s), s = x² + y². */
function stretch(pairs: usize, n: i32): void {
  for (; n > 0; n -= 4) {
    const first = v128.load(pairs);
    const second = n > 2 ? v128.load(pairs, 16) : first;
    const x = v128.shuffle<f64>(first, second, 0, 2);
    const y = v128.shuffle<f64>(first, second, 1, 3);
    const square = f64x2.add(f64x2.mul(x, x), f64x2.mul(y, y));
    const scale = f64x2.sqrt(f64x2.div(f64x2.mul(f64x2.splat(-2), logs(square)), square));
    v128.store(pairs, f64x2.mul(v128.shuffle<f64>(scale, scale, 0, 0), first));
    if (n > 2) v128.store(pairs, f64x2.mul(v128.shuffle<f64>(scale, scale, 1, 1), second), 16);
    pairs += 32;
  }
}

/** Natural logarithms of two numbers in (2⁻¹⁰⁰⁰, 1) as fdlibm computes them, both of its branches at once. */
function logs(x: v128): v128 {
  const top = i64x2.shr_u(x, 32);
  const fraction = v128.and(top, i64x2.splat(0xfffff));
  const near = i64x2.lt_s(v128.and(i64x2.add(fraction, i64x2.splat(2)), i64x2.splat(0xfffff)), i64x2.splat(3));
  if (v128.any_true(near)) {
    return f64x2.replace_lane(f64x2.splat(log(f64x2.extract_lane(x, 0))), 1, log(f64x2.extract_lane(x, 1)));
  }
  const upper = v128.and(i64x2.add(fraction, i64x2.splat(0x95f64)), i64x2.splat(0x100000));
  const exponent = i64x2.add(i64x2.sub(i64x2.shr_u(top, 20), i64x2.splat(1023)), i64x2.shr_u(upper, 20));
  const k = f64x2.convert_low_i32x4_s(v128.shuffle<i32>(exponent, exponent, 0, 2, 0, 2));
  const head = i64x2.shl(v128.or(fraction, v128.xor(upper, i64x2.splat(0x3ff00000))), 32);
  const f = f64x2.sub(v128.or(head, v128.and(x, i64x2.splat(0xffffffff))), f64x2.splat(1));
  const s = f64x2.div(f, f64x2.add(f64x2.splat(2), f));
  const z = f64x2.mul(s, s);
  const w = f64x2.mul(z, z);
  let even = f64x2.add(f64x2.splat(0.22222198432149784), f64x2.mul(w, f64x2.splat(0.15313837699209373)));
  even = f64x2.mul(w, f64x2.add(f64x2.splat(0.3999999999940942), f64x2.mul(w, even)));
  let odd = f64x2.add(f64x2.splat(0.1818357216161805), f64x2.mul(w, f64x2.splat(0.14798198605116586)));
  odd = f64x2.add(f64x2.splat(0.2857142874366239), f64x2.mul(w, odd));
  odd = f64x2.mul(z, f64x2.add(f64x2.splat(0.6666666666666735), f64x2.mul(w, odd)));
  const r = f64x2.add(odd, even);
  const low = f64x2.mul(k, f64x2.splat(1.9082149292705877e-10));
  const half = f64x2.mul(f64x2.mul(f64x2.splat(0.5), f), f);
  const inner = f64x2.sub(half, f64x2.add(f64x2.mul(s, f64x2.add(half, r)), low));
  const outer = f64x2.sub(f64x2.mul(s, f64x2.sub(f, r)), low);
  const between = v128.or(i64x2.sub(fraction, i64x2.splat(0x6147a)), i64x2.sub(i64x2.splat(0x6b851), fraction));
  const rest = v128.bitselect(inner, outer, i64x2.gt_s(between, i64x2.splat(0)));
  return f64x2.sub(f64x2.mul(k, f64x2.splat(0.6931471803691238)), f64x2.sub(rest, f));
}

/** Both words of Threefry-2x32 in one: the first one low. */
function threefry(k0: i32, k1: i32, c0: i32, c1: i32): u64 {
  let k2 = 0x1bd11bda ^ k0 ^ k1;
  let x = c0 + k0;
  let y = c1 + k1;
  for (let group = 1; ; group += 2) {
    x += y;
    y = rotl(y, 13) ^ x;
    x += y;
    y = rotl(y, 15) ^ x;
    x += y;
    y = rotl(y, 26) ^ x;
    x += y;
    y = rotl(y, 6) ^ x;
    x += k1;
    y += k2 + group;
    if (group === 5) break;
    x += y;
    y = rotl(y, 17) ^ x;
    x += y;
    y = rotl(y, 29) ^ x;
    x += y;
    y = rotl(y, 16) ^ x;
    x += y;
    y = rotl(y, 24) ^ x;
    x += k2;
    y += k0 + group + 1;
    const first = k0;
    k0 = k2;
    k2 = k1;
    k1 = first;
  }
  return ((<u64>(<u32>y)) << 32) | <u64>(<u32>x);
}

/** Uniform points of the unit disc from sfc32, one after the other; the last of an odd number is stretched, as half a pair. */
function points(a: i32, b: i32, out: usize, d: i32): void {
  let c: i32 = 0x9e3779b9;
  for (let counter = 1; d > 0; counter += 2) {
    const first = a + b + counter;
    a = b ^ (b >>> 9);
    b = c + (c << 3);
    c = rotl(c, 21) + first;
    const second = a + b + counter + 1;
    a = b ^ (b >>> 9);
    b = c + (c << 3);
    c = rotl(c, 21) + second;
    if (counter < 13) continue;
    const x = (<f64>first + 0.5) * 4.656612873077393e-10;
    const y = (<f64>second + 0.5) * 4.656612873077393e-10;
    const square = x * x + y * y;
    if (square >= 1) continue;
    if (d > 1) {
      store<f64>(out, x);
      store<f64>(out, y, 8);
    } else store<f64>(out, Math.sqrt((-2 * log(square)) / square) * x);
    out += 16;
    d -= 2;
  }
}
