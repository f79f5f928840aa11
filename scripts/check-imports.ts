/**
 * Fails when a file imports upward, or from a sibling room on its own floor, or when the floor plan in ARCHITECTURE.md is not
 * that of today's imports; with --draw, draws it anew.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

const FLOORS: Record<string, number> = {
  'src/types.ts': -2,
  'src/errors.ts': -2,
  'src/entries.ts': -2,
  'src/residence.ts': -1,
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
/** The rooms that each room imports from. */
const below = new Map<string, Set<string>>(Object.keys(FLOORS).map((name) => [name, new Set()]));
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
    below.get(from)!.add(to);
    if (FLOORS[to] >= FLOORS[from])
      faults.push(`${file}: expected imports to go down, got ${target} (${from} to ${to}).`);
  }
}

/** Floors from the top, a line for each room with the rooms that it imports from; what lies below all floors is left out. */
function floorPlan(): string {
  const short = (name: string) => name.replace('src/', '');
  const built = Object.keys(FLOORS).filter((name) => FLOORS[name] >= 0);
  const width = Math.max(...built.map((name) => short(name).length));
  const floors = [...new Set(built.map((name) => FLOORS[name]))].sort((a, b) => b - a);
  const drawn = floors.map((floor) =>
    built
      .filter((name) => FLOORS[name] === floor)
      .map((name, i) => {
        const rooms = built.filter((other) => below.get(name)!.has(other)).toReversed();
        return `${i === 0 ? String(floor).padStart(2) : '  '} │ ${short(name).padEnd(width)} │ ${rooms.map(short).join(' ')}`.trimEnd();
      })
      .join('\n'),
  );
  return drawn.join(`\n───┼─${'─'.repeat(width)}─┼${'─'.repeat(60)}\n`);
}

const PLAN = /(<!-- floor plan -->\n```text\n)[^`]*(\n```\n<!-- end of floor plan -->)/;
const architecture = join(root, 'ARCHITECTURE.md');
const written = readFileSync(architecture, 'utf8');
const current = written.replace(PLAN, (_, begin, end) => `${begin}${floorPlan()}${end}`);
if (!PLAN.test(written)) faults.push('ARCHITECTURE.md: expected the marks of a floor plan, got none. Put them back.');
for (const [name, floor] of Object.entries(FLOORS).filter(([, floor]) => floor >= 0)) {
  if (!new RegExp(`^\\| ${floor} \\|.*\`${name}\``, 'm').test(written))
    faults.push(`ARCHITECTURE.md: expected ${name} on floor ${floor} in the table of rooms, got none. Add it.`);
}
if (process.argv.includes('--draw')) writeFileSync(architecture, current);
else if (current !== written)
  faults.push("ARCHITECTURE.md: expected the floor plan of today's imports, got another. Run npm run plan.");

for (const fault of faults) console.error(fault);
console.log(`imports: ${files.length} entries read, ${faults.length} faults`);
process.exit(faults.length ? 1 : 0);
