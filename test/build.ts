/**
 * Before all tests: where the built package lies that they run. `dist`, where it is newer than its sources; else a bundle of
 * them without types, made here in a second.
 */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import type { TestProject } from 'vitest/node';
import { BROWSER_FILES, NODE_FILES } from '../scripts/bundles.ts';

/** Of this run of the tests alone: another may run beside it. */
const BUNDLE = join('dist-test', String(process.pid));
const SOURCES = ['src', 'cli', 'package.json', 'tsdown.config.ts', 'scripts/bundles.ts'];
const FILES = [...Object.keys(NODE_FILES), ...Object.keys(BROWSER_FILES)].map((name) => `dist/${name}.js`);

declare module 'vitest' {
  interface ProvidedContext {
    built: string;
  }
}

export default async function setup(project: TestProject): Promise<() => void> {
  const fresh = isFresh();
  if (!fresh) await bundle();
  project.provide('built', resolve(fresh ? 'dist' : BUNDLE));
  return () => rmSync(BUNDLE, { recursive: true, force: true });
}

const timeOf = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs;

function isFresh(): boolean {
  const sources = SOURCES.flatMap((source) =>
    source.includes('.')
      ? [source]
      : readdirSync(source, { recursive: true, encoding: 'utf8' }).map((name) => join(source, name)),
  );
  const newest = Math.max(...sources.map((source) => timeOf(source)!));
  return FILES.every((file) => (timeOf(file) ?? 0) > newest);
}

async function bundle(): Promise<void> {
  const shared = { bundle: true, splitting: true, format: 'esm', packages: 'external', outdir: BUNDLE } as const;
  await build({ ...shared, entryPoints: { ...NODE_FILES }, platform: 'node', target: 'node20' });
  await build({ ...shared, entryPoints: { ...BROWSER_FILES }, platform: 'browser', target: 'es2023' });
}
