/**
 * How fast a table is read, and with how much memory: `npx tsx bench/read-table.ts [MB] [columns] [digits] [name]`. Writes a generated
 * CSV of that size (kept in the temporary folder for the next time), reads it and prints rates and the largest resident memory.
 */
import { closeSync, existsSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readDelimited } from '../src/data/table/table.ts';
import { uniforms } from '../src/math/random.ts';
import { fold, rootKey } from '../src/math/threefry.ts';

const [megabytes, columns, digits] = process.argv.slice(2).map(Number);
const size = megabytes || 171;
const width = columns || 20;
const places = digits || 4;

/** A file of numbers in [−10, 10); `places` 0 makes integers in 0 … 255, as pixels are. */
function generated(): string {
  const path = join(tmpdir(), `smile-read-${size}-${width}-${places}.csv`);
  if (existsSync(path)) return path;
  const file = openSync(`${path}.partial`, 'w');
  writeSync(file, `${Array.from({ length: width }, (_, j) => `c${j + 1}`).join(',')}\n`);
  const lines = Math.max(1, Math.ceil(20_000 / width));
  const u = new Float64Array(lines * width);
  for (let written = 0, part = 0; written < size * 1e6; part++) {
    uniforms(fold(rootKey(1), part), u);
    const text = Array.from({ length: lines }, (_, i) =>
      Array.from(u.subarray(i * width, (i + 1) * width), (v) =>
        places < 0 ? String(Math.floor(256 * v)) : (20 * v - 10).toFixed(places),
      ).join(','),
    ).join('\n');
    written += writeSync(file, `${text}\n`);
  }
  closeSync(file);
  renameSync(`${path}.partial`, path);
  return path;
}

const path = generated();
const bytes = statSync(path).size;
const before = process.memoryUsage().rss;
const cpu = process.cpuUsage();
const start = performance.now();
const table = await readDelimited(path);
const seconds = (performance.now() - start) / 1000;
const used = process.cpuUsage(cpu);
const kept = 8 * table.rows * table.names.length;
const peak = 1024 * process.resourceUsage().maxRSS;
const mb = (value: number) => (value / 1e6).toFixed(0);
console.log(
  `${mb(bytes)} MB, ${table.rows} rows × ${table.names.length}: ${seconds.toFixed(1)} s, ${(bytes / 1e6 / seconds).toFixed(1)} MB/s; ` +
    `processor ${((used.user + used.system) / 1e6).toFixed(1)} s, ${(bytes / (used.user + used.system)).toFixed(1)} MB/s; ` +
    `numbers kept ${mb(kept)} MB, largest resident ${mb(peak)} MB (${mb(before)} MB before reading)`,
);
