/**
 * Kills runs of every sampler, task and kind at random moments of every phase and compares what is left, to the bit, with runs that were
 * not killed.
 *
 * Command:  npm run build:lib && npx tsx bench/kills.ts [--kills 2] [--rounds 1] [--cli dist/cli.js] [--log kills.jsonl]
 * Cost:     about half an hour of one core for 150 cases. Results: docs/durability.md.
 */
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { normals } from '../src/math/random.ts';
import { type KillResult, killCases, killedAndCompared, PLACES } from './killed.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '1' },
    cli: { type: 'string', default: 'dist/cli.js' },
    log: { type: 'string', default: 'kills.jsonl' },
  },
});
const cases = killCases();
const order = new Float64Array(cases.length);
normals([1, 1], order);
const shuffled = cases.map((one, i) => [order[i], one] as const).sort(([a], [b]) => a - b);
const results: KillResult[] = [];
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [, one] of shuffled) {
    const folder = mkdtempSync(join(tmpdir(), 'smile-kills-'));
    const options = { folder, kills: Number(values.kills), cli: values.cli, round };
    const result = await killedAndCompared(one, options).catch(
      (error: Error): KillResult => ({ ...one, places: [], different: [error.message] }),
    );
    rmSync(folder, { recursive: true });
    results.push(result);
    appendFileSync(values.log, `${JSON.stringify(result)}\n`);
    const kills = results.flatMap(({ places }) => places);
    const bad = results.filter(({ different }) => different.length > 0).length;
    const fell = PLACES.map((place) => `${kills.filter((other) => other === place).length} ${place}`).join(', ');
    console.log(`${results.length} runs, ${bad} that differ, ${kills.length} kills: ${fell}`);
  }
}
