/** The deep ensemble that a run started from. */
import type { BatchSource } from '../data/batches.ts';
import { meanOf } from '../math/autocorrelation.ts';
import type { LoadedRun } from './load.ts';
import { predictMembers, readMembers } from './members.ts';

/**
 * The warm-started members with an honest σ: where one σ is learned for all rows, the root mean square residual of
 * the member on the validation rows, which it was not trained on.
 */
export async function deepEnsemble(run: LoadedRun, valid: BatchSource): Promise<Float32Array[]> {
  const thetas = readMembers(run).map((theta) => Float32Array.from(theta));
  if (run.network.likelihood.name !== 'gaussian') return thetas;
  let k = 0;
  for await (const { mean } of predictMembers(run, valid.x, thetas)) {
    const squares = mean.map((mu, i) => (valid.y[i] - mu) ** 2).filter(Number.isFinite);
    thetas[k++][run.network.dim - 1] = 0.5 * Math.log(meanOf(squares));
  }
  return thetas;
}
