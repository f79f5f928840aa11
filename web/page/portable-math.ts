/**
 * The elementary functions of the samplers, to the bits that Node's engine computes: browsers have their own last digits, and a chain
 * forgets no digit. The build puts them in the place of `Math`'s.
 */
export { default as portable_exp } from '@stdlib/math-base-special-exp';
export { default as portable_expm1 } from '@stdlib/math-base-special-expm1';
export { default as portable_log } from '@stdlib/math-base-special-ln';
export { default as portable_log1p } from '@stdlib/math-base-special-log1p';
