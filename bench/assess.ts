/**
 * `smile assess` on 1,000 members × 100,000 rows: writes such a Parquet file (float32, one sd for all, about 400 MB), runs the
 * command and prints its time and peak memory.
 *
 * Command:  npm run build && npx tsx bench/assess.ts [--members 1000] [--rows 100000]
 * Result:   docs/reproduction.md, "Assessing other ensembles".
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileWriter, ParquetWriter } from 'hyparquet-writer';
import { normals } from '../src/math/random.ts';

const { values } = parseArgs({
  options: { members: { type: 'string', default: '1000' }, rows: { type: 'string', default: '100000' } },
});
const [members, rows] = [Number(values.members), Number(values.rows)];
const folder = mkdtempSync(join(tmpdir(), 'smile-assess-'));
const file = join(folder, 'members.parquet');
const GROUP = 10_000;
const normal = (seed: number, at: number) => {
  const v = new Float64Array(GROUP);
  normals([seed, at], v);
  return v;
};
const names = ['y', 'sd', ...Array.from({ length: members }, (_, k) => `mean_${k}`)];
const schema = [
  { name: 'root', num_children: names.length },
  ...names.map((name) => ({ name, type: 'FLOAT' as const, repetition_type: 'REQUIRED' as const })),
];
const writer = fileWriter(file);
const parquet = new ParquetWriter({ writer, schema, codec: 'UNCOMPRESSED' });
for (let at = 0; at < rows; at += GROUP) {
  // y ~ N(f, 1); members scatter around f by 0.3 and say sd 0.95.
  const f = normal(1, at);
  const columnData = names.map((name, j) => {
    const z = normal(2 + j, at);
    if (name === 'sd') return { name, data: z.map(() => 0.95) };
    return { name, data: z.map((e, i) => f[i] + (name === 'y' ? e : 0.3 * e)) };
  });
  await parquet.write({ columnData, rowGroupSize: GROUP });
}
await parquet.finish();

const began = performance.now();
const ran = spawnSync(
  '/usr/bin/time',
  ['-f', '%M', process.execPath, 'dist/cli.js', 'assess', file, '--quiet', '-o', join(folder, 'report.html')],
  { encoding: 'utf8' },
);
const seconds = ((performance.now() - began) / 1000).toFixed(0);
console.log(ran.stdout);
console.log(
  `${members} members × ${rows} rows: ${seconds} s, peak ${(Number(ran.stderr.trim()) / 1024).toFixed(0)} MiB, exit ${ran.status}`,
);
rmSync(folder, { recursive: true });
