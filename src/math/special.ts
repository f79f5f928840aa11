/** What normal laws need: a constant, and two special functions from the error functions of a library. */
import erfc from '@stdlib/math-base-special-erfc';
import erfcinv from '@stdlib/math-base-special-erfcinv';

/** log √(2π). */
export const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI);

/** Standard normal distribution function Φ(x). */
export const normalCdf = (x: number): number => 0.5 * erfc(-x * Math.SQRT1_2);

/** Standard normal quantile Φ⁻¹(p); ±∞ at p = 1 and 0. */
export const normalQuantile = (p: number): number => -Math.SQRT2 * erfcinv(2 * p);
