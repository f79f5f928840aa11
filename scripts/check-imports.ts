/** Fails when a file imports upward, or from a sibling room on its own floor. Floors are those of ARCHITECTURE.md. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const FLOORS: Record<string, number> = {
  'src/types.ts': -1,
  'src/errors.ts': -1,
  'src/entries.ts': -1,
  'src/math': 0,
  'src/graph': 0,
  'src/engine': 1,
  'src/targets': 1,
  'src/samplers': 1,
  'src/models': 1,
  'src/data': 1,
  'src/train': 2,
  'src/infer': 2,
  'src/store': 2,
  'src/spec': 3,
  'src/bench': 3,
  'src/chains': 4,
  'src/answers': 5,
  'src/control': 6,
  'src/report': 7,
  'src/queue': 7,
  'src/everywhere.ts': 7,
  'src/index.ts': 8,
  'src/browser.ts': 8,
  cli: 9,
  web: 9,
};

const root = resolve(import.meta.dirname, '..');
const room = (path: string) => Object.keys(FLOORS).find((name) => path === name || path.startsWith(`${name}/`));

const files = ['src', 'cli', 'web'].flatMap((top) => {
  try {
    return readdirSync(join(root, top), { recursive: true, encoding: 'utf8' }).map((name) => join(top, name));
  } catch {
    return [];
  }
});

const faults: string[] = [];
for (const file of files.filter((name) => /\.tsx?$/.test(name))) {
  const from = room(file);
  if (from === undefined) {
    faults.push(`${file}: expected a room with a floor. Add it to scripts/check-imports.ts and ARCHITECTURE.md.`);
    continue;
  }
  const text = readFileSync(join(root, file), 'utf8');
  for (const [, target] of text.matchAll(/(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)) {
    if (target.startsWith('onnxruntime') && from !== 'src/engine')
      faults.push(`${file}: only engine may import ${target}.`);
    if (!target.startsWith('.')) continue;
    const to = room(relative(root, resolve(root, dirname(file), target)));
    if (to === undefined || to === from) continue;
    if (FLOORS[to] >= FLOORS[from])
      faults.push(`${file}: expected imports to go down, got ${target} (${from} to ${to}).`);
  }
}

for (const fault of faults) console.error(fault);
console.log(`imports: ${files.length} entries read, ${faults.length} faults`);
process.exit(faults.length ? 1 : 0);
