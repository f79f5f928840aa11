/** What the package is built of: the files of `dist`, each with the source it begins with. */
import { ENTRIES } from '../src/entries.ts';

/** Files for Node; they share chunks. */
export const NODE_FILES: Readonly<Record<string, string>> = {
  index: 'src/index.ts',
  cli: 'cli/main.ts',
  ...Object.fromEntries(Object.entries(ENTRIES).map(([name, source]) => [name, `src/${source.slice(2)}`])),
};

/** Files for browsers, which share no chunk with those. */
export const BROWSER_FILES: Readonly<Record<string, string>> = { browser: 'src/browser.ts' };
