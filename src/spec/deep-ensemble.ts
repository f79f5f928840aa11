/** The deep ensemble that a run started from. */
import type { Rows } from '../data/rows.ts';
import { meanOf } from '../math/moments.ts';
import { LOG_SIGMA } from '../models/likelihood.ts';
import type { LoadedRun } from './loaded-run.ts';
import { type MemberBlock, readStarts } from './members.ts';
import type { Predictor } from './predictor.ts';
import { lawOf } from './target-law.ts';

/**
 * The warm-started members with an honest σ: where one σ is learned for all rows, the root mean square residual of
 * the member on the validation rows, which it was not trained on (of the target's logarithm where that is what is normal).
 */
export async function deepEnsemble(run: LoadedRun, predictor: Predictor, valid: Rows): Promise<readonly MemberBlock[]> {
  const blocks = readStarts(run).map((theta, chain) => ({ chain, first: 0, thetas: Float32Array.from(theta) }));
  if (!run.network.likelihood.parameters.some(({ name }) => name === LOG_SIGMA)) return blocks;
  const law = lawOf(run);
  for await (const { chain, mean, sd } of predictor.of(valid.asked(), blocks)) {
    const squares = valid.y.map((y, i) => law.score(y, mean[i], sd[i]) ** 2).filter(Number.isFinite);
    blocks[chain].thetas[run.network.dim - 1] += 0.5 * Math.log(meanOf(squares));
  }
  return blocks;
}
