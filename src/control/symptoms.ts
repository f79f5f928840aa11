/** Reads from the run directory what shows how its chains fare: draws on a fixed choice of training rows, and energy errors. */

import type { Symptoms } from '../answers/ailments.ts';
import { meanOf } from '../math/moments.ts';
import { rootKey, stream } from '../math/threefry.ts';
import { samplerRow } from '../samplers/registry.ts';
import type { MemberBlock } from '../spec/members.ts';
import { type OpenedRun, withRun } from '../spec/opened-run.ts';

/** Training rows, and draws of a chain, that are looked at. */
const ROWS = 256;
const DRAWS = 200;

export const symptoms = (dir: string): Promise<Symptoms> =>
  withRun(dir, async (run) => {
    const { spec, summaries } = run;
    const { train } = run.data;
    const all = train.order(train.count, stream(rootKey(spec.seed), 'repair'));
    const asked = train.asked(all.subarray(0, Math.ceil(ROWS / train.asked(all.subarray(0, 1)).count)));
    const series: Float64Array[] = [];
    for (const { chain } of summaries) {
      const means: number[] = [];
      for await (const member of run.predict(asked, evenly(run, chain))) {
        means.push(meanOf(member.densities(asked.y)));
      }
      series.push(Float64Array.from(means));
    }
    const { tunes } = samplerRow(spec.sampler.name); // begun again, it finds another step size
    return { series, energyTail: summaries.map(({ sampling }) => (tunes ? sampling.energyTail : null)) };
  });

/** At most `DRAWS` of a chain's draws, evenly spaced. */
function* evenly(run: OpenedRun, chain: number): Generator<MemberBlock> {
  const { dim } = run.network;
  const spacing = Math.max(1, run.summaries[chain].draws / DRAWS);
  let taken = 0;
  for (const block of run.draws([chain])) {
    for (let at = 0; at < block.thetas.length; at += dim) {
      const draw = block.first + at / dim;
      if (draw < Math.floor(taken * spacing)) continue;
      taken++;
      yield { chain, first: draw, thetas: block.thetas.subarray(at, at + dim) };
    }
  }
}
