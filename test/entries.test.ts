/** Threads and processes from source, as `npx tsx cli/main.ts` and these tests start them. */
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import type { CellSpec } from '../src/bench/cell.ts';
import { runCells } from '../src/bench/pool.ts';
import { processArguments } from '../src/entries.ts';

it('a process begins with the source of its entry', () => {
  expect(processArguments('probe').at(-1)).toMatch(/src\/engine\/probe\.ts$/);
  const report = execFileSync(process.execPath, [...processArguments('probe'), 'cpu'], { encoding: 'utf8' });
  expect(JSON.parse(report)).toMatchObject({ device: 'cpu', errors: { exp: expect.any(Number) } });
});

it('a thread from source does what this one does', async () => {
  const noise = { structure: 'isotropic', source: 'limit', law: 'normal', shape: 1 } as const;
  const small = { gradients: 200, replications: 2, stepSizes: 2, seed: 1 };
  const cell: CellSpec = { target: 'icg', noise, method: 'sgld', protocol: 'honest', ...small };
  const [here, there] = await Promise.all([0, 1].map((workers) => runCells([cell], { workers, onProgress: () => {} })));
  expect(there[0].biases).toEqual(here[0].biases);
});
