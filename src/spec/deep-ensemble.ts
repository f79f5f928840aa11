/** The deep ensemble that a run started from. */
import type { TableRows } from '../data/table/rows.ts';
import { meanOf } from '../math/autocorrelation.ts';
import { LOG_SIGMA } from '../models/likelihood.ts';
import type { LoadedRun } from './opened.ts';
import { predictMembers, readMembers } from './predictor.ts';
import { lawOf } from './target-law.ts';

/**
 * The warm-started members with an honest σ: where one σ is learned for all rows, the root mean square residual of
 * the member on the validation rows, which it was not trained on (of the target's logarithm where that is what is normal).
 */
export async function deepEnsemble(run: LoadedRun, valid: TableRows): Promise<Float32Array[]> {
  const thetas = readMembers(run).map((theta) => Float32Array.from(theta));
  if (!run.network.likelihood.parameters.some(({ name }) => name === LOG_SIGMA)) return thetas;
  const law = lawOf(run);
  let k = 0;
  for await (const { mean, sd } of predictMembers(run, valid.x, thetas)) {
    const squares = valid.y.map((y, i) => law.score(y, mean[i], sd[i]) ** 2).filter(Number.isFinite);
    thetas[k++][run.network.dim - 1] += 0.5 * Math.log(meanOf(squares));
  }
  return thetas;
}
