/** The examples of the documentation, run as a reader would: against the built package. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { built } from './built.ts';

const blocks = (path: string, language: string) =>
  [...readFileSync(path, 'utf8').matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    ([, code]) => code,
  );

function runExample(code: string, ...files: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'smile-docs-'));
  for (const file of files) copyFileSync(file, join(folder, basename(file)));
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'example.mts'), code.replaceAll("'smile-bayes'", `'${built('index.js')}'`));
  return execFileSync(process.execPath, ['--import', 'tsx', 'example.mts'], { cwd: folder, encoding: 'utf8' });
}

describe('docs/library.md', () => {
  const [fitAndPredict, ownDensity, noise] = blocks('docs/library.md', 'ts');

  it('fits and predicts', () => {
    const lines = runExample(fitAndPredict).trim().split('\n');
    expect(lines[0]).toContain('400 rows, 2 columns');
    expect(lines.join('\n')).toContain('trusted: true');
    expect(lines.at(-1)?.split(' ').map(Number).every(Number.isFinite)).toBe(true);
  });

  it('samples a density', () => {
    const [variance, enough] = runExample(ownDensity).trim().split(' ');
    expect(Math.abs(Number(variance) - 4)).toBeLessThan(0.6);
    expect(enough).toBe('true');
  });

  it('samples under gradient noise', () => {
    const [bias, stepSize] = runExample(noise).trim().split(' ').map(Number);
    expect(bias).toBeLessThan(0.1);
    expect(stepSize).toBeGreaterThan(1e-3);
  });
});

describe('docs/runs.md', () => {
  it('streams events, leaves, and goes on', () => {
    const lines = runExample(blocks('docs/runs.md', 'ts')[0]).trim().split('\n');
    expect(lines[0]).toMatch(/^warm start [\d.]+ 200/);
    expect(lines.at(-2)).toMatch(/^sampling \d+ 10000/);
    expect(lines.at(-1)).toBe('true');
  });
});

describe('docs/networks.md', () => {
  it('samples the last layer of a network that came as ONNX', () => {
    const [code] = blocks('docs/networks.md', 'ts');
    expect(runExample(code, 'test/fixtures/onnx/mlp.onnx').trim()).toBe('10 true true');
  });
});

const helps = new Map<string, string>();
/** What a command says to --help, asked once. */
function help(command: string): string {
  const text =
    helps.get(command) ??
    execFileSync(process.execPath, [built('cli.js'), ...command.split(' '), '--help'], { encoding: 'utf8' });
  helps.set(command, text);
  return text;
}

describe.each([
  'README.md',
  'docs/runs.md',
  'docs/networks.md',
  'docs/images-and-text.md',
  'docs/data.md',
  'docs/security.md',
  'docs/settings.md',
])('%s', (page) => {
  it('shows commands that exist, with flags that exist', () => {
    const lines = blocks(page, 'sh').join('\n').split('\n');
    const calls = lines.flatMap(
      (line) => /^(?:npx |node dist\/cli\.js |)smile (data \w+|\w+)(.*)$/.exec(line.trim()) ?? [],
    );
    expect(calls.length).toBeGreaterThan(2);
    for (let i = 0; i < calls.length; i += 3) {
      const text = help(calls[i + 1]);
      for (const [flag] of calls[i + 2].matchAll(/--[a-z-]+/g)) expect(text).toContain(flag);
    }
  });

  it('shows a configuration that is valid', async () => {
    const { parseYamlConfig } = await import('../src/spec/spec.ts');
    for (const text of blocks(page, 'yaml')) expect(() => parseYamlConfig(text, page)).not.toThrow();
  });
});
