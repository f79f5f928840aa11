/** The one list of settings, and what is made of it. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { configOf, type FitFlags, withModelOptions } from '../../cli/fit-options.ts';
import { schemaText, settingsPage } from '../../scripts/write-reference.ts';
import { nameOf } from '../../src/spec/settings/setting.ts';
import { resolveSpec, SETTINGS } from '../../src/spec/spec.ts';

const commandOf = () =>
  withModelOptions(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
const configOfWords = (...words: string[]) => configOf(commandOf().parse(words, { from: 'user' }).opts<FitFlags>());

describe('a setting', () => {
  it('says what it is, in sentences', () => {
    const silent = SETTINGS.filter(({ description }) => !/^[^a-z].*\.$/.test(description));
    expect(silent.map(nameOf)).toEqual([]);
  });

  it('has a flag of its own, if any, in the help of the command', () => {
    const flags = SETTINGS.flatMap(({ flag }) => (flag ? [flag.flag] : []));
    expect(flags.length).toBeGreaterThan(40);
    const help = commandOf().helpInformation();
    for (const flag of flags) expect(help).toContain(flag);
  });

  it('is what its flag gives it', () => {
    const words = ['--thin', '3', '--draws-type', 'float16', '--no-repair', '--max-time', '2m', '--plateau', '-k', '4'];
    expect(configOfWords(...words)).toEqual({
      sampler: { thin: 3 },
      storage: { draws: 'float16' },
      repair: { share: 0 },
      stop: { seconds: 120, plateau: 0.001 },
      chains: 4,
    });
  });

  it('can be set by its name, after all flags', () => {
    const words = ['--steps', '5', '--set', 'sampler.steps=7', '--set', 'data.keep=[a, b]', '--set', 'seed=3'];
    expect(configOfWords(...words)).toEqual({ sampler: { steps: 7 }, data: { keep: ['a', 'b'] }, seed: 3 });
  });

  it.each([
    ['sampler.stepz=1', "Expected a setting, got 'sampler.stepz'"],
    ['sampler.steps', 'Expected a setting and its value'],
    ['sampler=1', "Expected a setting, got 'sampler'"],
    ['data.keep=[a', 'Expected YAML'],
  ])('is not set by %s', (word, message) => {
    expect(() => configOfWords('--set', word)).toThrow(message);
  });

  it('has a default that its schema allows', () => expect(() => resolveSpec({})).not.toThrow());
});

describe('what is made of the settings is current: npm run reference', () => {
  it('schema/fit.json', () => expect(readFileSync('schema/fit.json', 'utf8')).toBe(schemaText()));

  it('docs/settings.md', () => {
    const page = readFileSync('docs/settings.md', 'utf8');
    expect(settingsPage(page)).toBe(page);
  });
});
