/** Exact tails of the binomial law. */

/** P(X ≤ k) for X ~ Binomial(n, p), 0 ≤ k ≤ n integers, p in [0, 1]; to about 1e-12. */
export function binomialCdf(k: number, n: number, p: number): number {
  if (k < 0) return 0;
  if (k >= n || p <= 0) return 1;
  if (p >= 1) return 0;
  return k > n * p ? 1 - lowerTail(n - k - 1, n, 1 - p) : lowerTail(k, n, p);
}

/** P(X ≤ k) where k lies below the mean: terms shrink on the way down from k. */
function lowerTail(k: number, n: number, p: number): number {
  let log = k * Math.log(p) + (n - k) * Math.log1p(-p);
  for (let i = 1; i <= k; i++) log += Math.log((n - k + i) / i);
  const odds = (1 - p) / p;
  let [term, sum] = [1, 1];
  for (let j = k; j > 0 && term > 1e-17 * sum; j--) {
    term *= (j / (n - j + 1)) * odds;
    sum += term;
  }
  return Math.min(1, Math.exp(log) * sum);
}
