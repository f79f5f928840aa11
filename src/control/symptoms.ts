/** Reads from the run directory what shows how its chains fare: draws on a fixed choice of training rows, and energy errors. */

import type { Symptoms } from '../answers/ailments.ts';
import { meanOf } from '../math/autocorrelation.ts';
import { permutation } from '../math/random.ts';
import { rootKey, stream } from '../math/threefry.ts';
import { samplerRow } from '../samplers/registry.ts';
import { type LoadedRun, loadData } from '../spec/opened.ts';
import { memberPredictor, rowDensities } from '../spec/predictor.ts';
import { allChains, type ChainSummary } from '../spec/records.ts';
import { readDraws } from '../store/draws.ts';
import { readJson } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';

/** Training rows, and draws of a chain, that are looked at. */
const ROWS = 256;
const DRAWS = 200;

export async function symptoms(run: LoadedRun): Promise<Symptoms> {
  const { dir, spec, network } = run;
  const { x, y } = loadData(run).train;
  const picked = permutation(stream(rootKey(spec.seed), 'repair'), y.length).slice(0, ROWS);
  const rows = Float32Array.from({ length: picked.length * network.inputs }, (_, i) => {
    return x[picked[Math.floor(i / network.inputs)] * network.inputs + (i % network.inputs)];
  });
  const targets = Float64Array.from(picked, (i) => y[i]);
  const predictor = await memberPredictor(run, rows);
  try {
    const series: Float64Array[] = [];
    const energyTail: (number | null)[] = [];
    const { tunes } = samplerRow(spec.sampler.name); // begun again, it finds another step size
    for (const chain of allChains(spec.chains)) {
      const { draws, sampling } = readJson(runPaths(dir).summary(chain)) as ChainSummary;
      energyTail.push(tunes ? sampling.energyTail : null);
      const means: number[] = [];
      for await (const member of predictor.of(evenly(runPaths(dir).chain(chain), network.dim, draws))) {
        means.push(meanOf(rowDensities(run, member, targets)));
      }
      series.push(Float64Array.from(means));
    }
    return { series, energyTail };
  } finally {
    await predictor.release();
  }
}

/** At most `DRAWS` of a chain's draws, evenly spaced. */
function* evenly(folder: string, d: number, draws: number): Generator<Float32Array> {
  const spacing = Math.max(1, draws / DRAWS);
  let [seen, taken] = [0, 0];
  for (const { data } of readDraws(folder, d)) {
    for (let at = 0; at < data.length; at += d, seen++) {
      if (seen < Math.floor(taken * spacing)) continue;
      taken++;
      yield data.subarray(at, at + d);
    }
  }
}
