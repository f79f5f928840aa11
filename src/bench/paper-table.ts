/** Table 1 of the paper: b² as mean ± standard deviation over seven runs (arXiv 2602.06500). */
import type { NoiseStructure } from '../targets/noise.ts';
import type { BenchTarget } from '../targets/registry.ts';

type Row = Readonly<Record<'smile-naive' | 'sgld' | 'sghmc' | 'psmile-naive', readonly [number, number]>>;

const row = (...v: number[]): Row => ({
  'smile-naive': [v[0], v[1]],
  sgld: [v[2], v[3]],
  sghmc: [v[4], v[5]],
  'psmile-naive': [v[6], v[7]],
});

export const PAPER_TABLE: Partial<Record<BenchTarget, Readonly<Record<NoiseStructure, Row>>>> = {
  icg: {
    isotropic: row(0.003, 0.001, 0.033, 0.006, 0.095, 0.033, 0.006, 0.001),
    diagonal: row(0.245, 0.027, 0.184, 0.021, 0.186, 0.02, 0.038, 0.008),
    correlated: row(0.502, 0.194, 0.189, 0.029, 0.235, 0.067, 0.055, 0.007),
    spatial: row(0.157, 0.01, 0.328, 0.011, 0.331, 0.011, 0.093, 0.019),
  },
  rosenbrock: {
    isotropic: row(0.002, 0.001, 0.005, 0.001, 0.004, 0.002, 0.004, 0.001),
    diagonal: row(0.302, 0.111, 0.085, 0.007, 0.16, 0.027, 0.046, 0.002),
    correlated: row(0.265, 0.042, 0.074, 0.007, 0.085, 0.014, 0.07, 0.005),
    spatial: row(0.048, 0.005, 0.079, 0.013, 0.095, 0.013, 0.052, 0.005),
  },
  funnel: {
    isotropic: row(0.014, 0.005, 0.141, 0.019, 0.128, 0.019, 0.021, 0.005),
    diagonal: row(0.283, 0.146, 0.063, 0.017, 0.077, 0.039, 0.042, 0.012),
    correlated: row(0.453, 0.231, 0.147, 0.034, 0.138, 0.039, 0.004, 0.002),
    spatial: row(0.023, 0.008, 0.241, 0.043, 0.218, 0.034, 0.012, 0.003),
  },
};
