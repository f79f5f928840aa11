/**
 * What data cost in memory: the peak of a whole `smile fit` on 2 workers above the same fit of few rows, for 50,000 generated images of
 * CIFAR's size and for a generated text of 100 MB. Networks are tiny, so that nothing else is large.
 *
 * Command:  npm run build:lib && npx tsx bench/data-memory.ts [images|text]
 * Cost:     of images a minute; of the text an hour or more, never run to its end yet. 600 MB of the temporary folder, emptied again.
 *           Prints peak resident memory in MB. Linux.
 * Result:   docs/reproduction.md, "Memory of data".
 */
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { uniforms } from '../src/math/random.ts';
import type { FitConfig } from '../src/spec/spec.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-data-memory-'));
const RECORD = 3073;
/** Pieces that files are written in. */
const PIECE = 1000;

/** CIFAR's records with random pixels. */
function records(count: number): string {
  const path = join(folder, `${count}.bin`);
  const file = openSync(path, 'w');
  const chance = new Float64Array(PIECE * RECORD);
  uniforms([1, count], chance);
  const bytes = Buffer.from(chance.map((u) => 256 * u));
  for (let k = 0; k < PIECE; k++) bytes[k * RECORD] = k % 10;
  for (let left = count; left > 0; left -= PIECE) writeSync(file, bytes, 0, Math.min(left, PIECE) * RECORD);
  closeSync(file);
  return path;
}

/** A text of 64 different characters. */
function text(bytes: number): string {
  const path = join(folder, `${bytes}.txt`);
  const file = openSync(path, 'w');
  const chance = new Float64Array(1e5);
  uniforms([2, bytes], chance);
  const piece = Buffer.from(chance.map((u) => 48 + 64 * u));
  for (let at = 0; at < bytes; at += piece.length) writeSync(file, piece);
  closeSync(file);
  return path;
}

/** Peak resident memory of a fit, in MB, and its seconds. */
async function peakOf(path: string, config: FitConfig) {
  const settings = join(folder, 'settings.yaml');
  writeFileSync(settings, stringify(config));
  const began = performance.now();
  const fit = spawn(
    process.execPath,
    ['dist/cli.js', 'fit', path, '--config', settings, '--workers', '2', '--out', join(folder, 'run'), '--force'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  fit.stderr
    .on('data', (piece) => {
      said += piece;
    });
  let peak = 0;
  const timer = setInterval(() => {
    try {
      peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${fit.pid}/status`, 'utf8'))?.[1] ?? peak);
    } catch {}
  }, 20);
  const code = await new Promise((resolve) => fit.on('close', resolve));
  clearInterval(timer);
  if (code !== 0 && code !== 2) throw new Error(`fit ended with ${code}: ${said}`);
  return { peak: peak / 1024, seconds: (performance.now() - began) / 1000 };
}

const common: FitConfig = {
  warmStart: { epochs: 1, batchSize: 512 },
  sampler: { batchSize: 128, warmup: 10, steps: 10, thin: 5 },
  repair: { share: 0 },
  chains: 2,
};
const cases: Record<
  'images' | 'text',
  {
    readonly make: (size: number) => string;
    readonly sizes: readonly number[];
    readonly unit: string;
    readonly model: NonNullable<FitConfig['model']>;
  }
> = {
  images: { make: records, sizes: [1000, 50_000], unit: 'images', model: { name: 'mlp', hidden: [4] } },
  text: {
    make: text,
    sizes: [1e5, 1e8],
    unit: 'characters',
    model: { name: 'gpt', context: 64, width: 8, depth: 1, heads: 2 },
  },
};

const asked = process.argv[2] as keyof typeof cases | undefined;
try {
  for (const name of asked ? [asked] : (['images', 'text'] as const)) {
    const { make, sizes, unit, model } = cases[name];
    const peaks: number[] = [];
    for (const size of sizes) {
      const { peak, seconds } = await peakOf(make(size), { ...common, model });
      peaks.push(peak);
      console.log(`${size.toLocaleString('en-US')} ${unit}: peak ${peak.toFixed(0)} MB, ${seconds.toFixed(0)} s`);
    }
    console.log(`${name}: ${(peaks[1] - peaks[0]).toFixed(0)} MB for data`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
