/**
 * Kills runs of every sampler, task and kind at random moments and compares what is left, to the bit, with runs that were not killed.
 *
 * Command:  npm run build:lib && npx tsx bench/kills.ts [--kills 2] [--cli dist/cli.js] [--log kills.jsonl]
 * Cost:     about an hour of one core for 150 cases. Results: docs/durability.md.
 */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { normals } from '../src/math/random.ts';
import { killCases, killedAndCompared } from '../test/kills.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '2' },
    cli: { type: 'string', default: 'dist/cli.js' },
    log: { type: 'string', default: 'kills.jsonl' },
  },
});
const cases = killCases();
const order = new Float64Array(cases.length);
normals([1, 1], order);
const shuffled = cases.map((one, i) => [order[i], one] as const).sort(([a], [b]) => a - b);
let [kills, bad] = [0, 0];
for (const [, one] of shuffled) {
  const folder = mkdtempSync(join(tmpdir(), 'smile-kills-'));
  const result = await killedAndCompared(one, { folder, kills: Number(values.kills), cli: values.cli }).catch(
    (error: Error) => ({ ...one, places: [], different: [error.message] }),
  );
  rmSync(folder, { recursive: true });
  kills += result.places.length;
  bad += result.different.length > 0 ? 1 : 0;
  appendFileSync(values.log, `${JSON.stringify(result)}\n`);
  console.log(`${kills} kills, ${bad} runs that differ: ${JSON.stringify(result)}`);
}
