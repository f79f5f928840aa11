/** `smile data`: public data sets by name: what there are, fetching one, checking files of one. */
import { existsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Command } from 'commander';
import { specError } from '../src/errors.ts';
import { CATALOGUE, type CatalogueEntry, type CatalogueFile } from '../src/store/fetch/catalogue.ts';
import { type Checked, check, download } from '../src/store/fetch/download.ts';
import { bytes } from './units.ts';

export function dataCommand(): Command {
  return new Command('data')
    .description('List public data sets, fetch one, or check files of one.')
    .addHelpText(
      'after',
      `
Examples:
  $ smile data list
  $ smile data fetch fashion-mnist
  $ smile data verify ~/data/train-images-idx3-ubyte.gz

A fetch that was cut goes on where it was. No file gets its name before its checksum was compared; where none is known,
that is said, with the SHA-256 of what came.`,
    )
    .addCommand(listCommand())
    .addCommand(fetchCommand())
    .addCommand(verifyFilesCommand());
}

const listCommand = () =>
  new Command('list')
    .description('Show the data sets that are known by name.')
    .option('--json', 'print JSON')
    .action(({ json }: { json?: boolean }) => {
      const line = ({ name, about, licence, files }: CatalogueEntry) =>
        `${name.padEnd(20)}${about}\n${' '.repeat(20)}${[...files.map(known), licence].join('; ')}`;
      console.log(json ? JSON.stringify(CATALOGUE, null, 2) : CATALOGUE.map(line).join('\n'));
    });

const known = ({ name, size, sha256, md5 }: CatalogueFile): string =>
  `${name} (${size === undefined ? 'size not known' : bytes(size)}, ${(sha256 ?? md5) ? 'checksum known' : 'no checksum known'})`;

interface FetchFlags {
  readonly to?: string;
  readonly mirror?: string;
  readonly quiet?: boolean;
}

const fetchCommand = () =>
  new Command('fetch')
    .description('Download a data set into the cache folder, on from where an earlier try was cut.')
    .argument('<name>', 'a name of smile data list')
    .option('--to <folder>', 'folder to fetch into (default: $SMILE_DATA, or ~/.cache/smile; the name is added)')
    .option('--mirror <url>', 'take the files from below this address')
    .option('--quiet', 'no progress')
    .action(async (name: string, { to, mirror, quiet }: FetchFlags) => {
      const entry = entryOf(name);
      const folder = join(to ?? process.env.SMILE_DATA ?? join(homedir(), '.cache', 'smile'), name);
      for (const file of entry.files) {
        const path = join(folder, file.name);
        const checked = existsSync(path) ? await check(path, file) : await fetchFile(file, path, mirror, quiet);
        console.log(told(path, checked));
      }
      console.log(`in ${folder}: ${entry.use}`);
    });

async function fetchFile(
  file: CatalogueFile,
  path: string,
  mirror: string | undefined,
  quiet = false,
): Promise<Checked> {
  const url = mirror === undefined ? file.url : `${mirror.replace(/\/$/, '')}/${file.name}`;
  if (url === undefined)
    throw specError(
      `${file.name}: expected an address, got none that is known. Put the file at ${path}, or give --mirror.`,
    );
  const show = !quiet && process.stderr.isTTY;
  const checked = await download(url, path, file, {
    onProgress(held, size) {
      if (show)
        process.stderr.write(`\r${file.name}: ${bytes(held)}${size === undefined ? '' : ` of ${bytes(size)}`}   `);
    },
  });
  if (show) process.stderr.write('\n');
  return checked;
}

const told = (path: string, { size, sha256, certain }: Checked): string =>
  certain
    ? `${path}: ${bytes(size)}, checksum right`
    : `${path}: ${bytes(size)}, no checksum is known to compare with; its SHA-256 is ${sha256}`;

function entryOf(name: string): CatalogueEntry {
  const entry = CATALOGUE.find((one) => one.name === name);
  if (entry) return entry;
  throw specError(
    `data: expected one of ${CATALOGUE.map((one) => one.name).join(', ')}, got '${name}'. Correct the name.`,
  );
}

const verifyFilesCommand = () =>
  new Command('verify')
    .description('Compare a file, or the files of a folder, with the checksums that are known.')
    .argument('<path>', 'file or folder of a data set')
    .action(async (path: string) => {
      const files = CATALOGUE.flatMap(({ files, inside = [] }) => [...files, ...inside]);
      const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
      const place = folder ? path : dirname(path);
      const found = files.filter(({ name }) => (folder ? existsSync(join(path, name)) : name === basename(path)));
      if (found.length === 0)
        throw specError(
          `${path}: expected ${folder ? 'files' : 'a file'} of a known data set, got none by name. See smile data list.`,
        );
      for (const file of found) console.log(told(join(place, file.name), await check(join(place, file.name), file)));
    });
