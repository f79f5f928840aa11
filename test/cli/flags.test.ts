/** The flags that name columns and words. */
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { configOf, type FitFlags, withModelOptions } from '../../cli/fit-options.ts';

const data = (...flags: string[]) => {
  const command = withModelOptions(new Command()).parse(flags, { from: 'user' });
  return configOf(command.opts<FitFlags>()).data;
};

describe('flags of data', () => {
  it('take names with commas, as a line of CSV or one at a time', () => {
    expect(data('--exclude', '"floor, m2",id', '--exclude', 'ward')).toMatchObject({
      exclude: ['floor, m2', 'id', 'ward'],
    });
    expect(data('--categorical', 'a, b', '--keep', 'id')).toMatchObject({ categorical: ['a', 'b'], keep: ['id'] });
  });

  it('take words for missing, decimal marks and separators', () => {
    const flags = ['--missing', 'none,void', '--not-missing', 'NA', '--decimal', 'comma', '--delimiter', 'bar'];
    const expected = { missing: ['none', 'void'], notMissing: ['NA'], decimal: ',', delimiter: '|' };
    expect(data(...flags)).toMatchObject(expected);
  });

  it('take a year for a name before an index', () => expect(data('--target', '2021')).toMatchObject({ target: 2021 }));
});
