/** `npm run new-sampler` in a copy of the sources: what it writes is typed, registered, and passes its own test. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { newSampler } from '../scripts/new-sampler.ts';

it('a new sampler is typed, registered, and passes its own test', () => {
  const copy = mkdtempSync(join(tmpdir(), 'smile-new-'));
  for (const part of ['src', 'test/samplers', 'package.json', 'tsconfig.json']) {
    cpSync(part, join(copy, part), { recursive: true });
  }
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'));
  const [source, registry, test, conformance] = newSampler(copy, 'my-walk');
  expect(() => newSampler(copy, 'my-walk')).toThrow("got 'my-walk'. Choose another.");
  expect(() => newSampler(copy, 'My walk')).toThrow('expected a new name');

  writeFileSync(
    join(copy, 'tsconfig.new.json'),
    JSON.stringify({ extends: './tsconfig.json', include: [source, registry] }),
  );
  const run = (command: string, ...args: string[]) =>
    execFileSync(join(copy, 'node_modules/.bin', command), args, { cwd: copy, encoding: 'utf8' });
  run('tsc', '--noEmit', '-p', 'tsconfig.new.json');
  expect(readFileSync(join(copy, conformance), 'utf8')).toContain("'my-walk': { stepSize: 0.01 }");
  expect(run('vitest', 'run', test, '--root', copy)).toContain('1 passed');
});
