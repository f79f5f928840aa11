/** Does the run know what it has not seen? Its uncertainty on its own test rows against rows from elsewhere. */
import { type StrangerAuroc, strangerAuroc } from '../infer/rejection.ts';
import { predictingEnsemble } from '../spec/ensemble.ts';
import type { OpenedRun } from '../spec/opened-run.ts';
import type { NamedRow } from './conformal.ts';
import { predictFile } from './predict.ts';
import { predictEncoded } from './predict-rows.ts';

export interface OutOfDistribution {
  readonly source: string;
  readonly testRows: number;
  readonly rows: number;
  /** What was odd about the file. */
  readonly warnings: readonly string[];
  readonly auroc: StrangerAuroc;
  /** Epistemic uncertainty of both, as `predict` gives it. */
  readonly epistemic: { readonly test: readonly number[]; readonly strange: readonly number[] };
}

/** Compares with the rows of the file `data`, which has the input columns of the run. */
export async function outOfDistribution(run: OpenedRun, data: string): Promise<OutOfDistribution> {
  const own = await predictEncoded(run, await predictingEnsemble(run), run.data.test.asked(), []);
  const { rows: strange, warnings } = await predictFile(run, { data, quantiles: [] });
  const split = (rows: readonly NamedRow[]) => ({
    aleatoric: rows.map((row) => row.aleatoric as number),
    epistemic: rows.map((row) => row.epistemic as number),
  });
  const total = run.preprocessing.task === 'regression' ? Math.hypot : (a: number, e: number) => a + e;
  const [test, elsewhere] = [split(own), split(strange)];
  return {
    source: data,
    testRows: own.length,
    rows: strange.length,
    warnings,
    auroc: strangerAuroc(test, elsewhere, total),
    epistemic: { test: test.epistemic, strange: elsewhere.epistemic },
  };
}
