/** What users install: the packed tarball in an empty folder, its command, its library and its types. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it('packs, installs in an empty folder, runs the demo and the library', { timeout: 300_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'smile-pack-'));
  execFileSync('npm', ['pack', '--pack-destination', folder], { stdio: 'pipe' });
  const [tarball] = readdirSync(folder);
  writeFileSync(join(folder, '.npmrc'), readFileSync('.npmrc'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }');
  execFileSync('npm', ['install', '--prefer-offline', tarball], { cwd: folder, stdio: 'pipe' });
  const installed = readdirSync(join(folder, 'node_modules', 'smile-bayes')).sort();
  expect(installed).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'docs', 'package.json', 'schema']);
  const smile = (...args: string[]) =>
    execFileSync(join(folder, 'node_modules', '.bin', 'smile'), args, { cwd: folder, encoding: 'utf8' });
  const demo = JSON.parse(smile('demo', '--quick', '--json', '--quiet'));
  expect(demo.bayesianEnsemble.test.members).toBe(400);
  expect(smile('predict', 'smile-runs/demo/run', 'smile-runs/demo/data.csv').split('\n').length).toBe(602);
  writeFileSync(
    join(folder, 'use.ts'),
    "import { fit, type Evaluation } from 'smile-bayes';\nexport const job: Promise<Evaluation> = fit({ data: 'a.csv', out: 'b' });\n",
  );
  execFileSync(
    'npx',
    [
      'tsc',
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--skipLibCheck',
      join(folder, 'use.ts'),
    ],
    {
      stdio: 'pipe',
    },
  );
});
