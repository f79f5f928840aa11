/** Gzipped data files: what they may unpack to, and what damaged ones say. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { readDelimited } from '../../src/data/table/table.ts';
import { unpacked } from '../../src/data/unpack.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-unpack-'));
const file = (name: string, content: Uint8Array | string) => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

it('stops at the ceiling without holding what is above it', async () => {
  const bomb = file('bomb.csv.gz', gzipSync(Buffer.alloc(5_000_000, '1,2\n')));
  let seen = 0;
  const reading = async () => {
    for await (const piece of unpacked(bomb, 100_000)) seen += piece.length;
  };
  await expect(reading()).rejects.toThrow(/bomb\.csv\.gz: expected at most 0\.0001 GB once unpacked.*--max-unpacked/);
  expect(seen).toBeLessThanOrEqual(100_000);
  await expect(readDelimited(bomb, { maxUnpacked: 100_000 })).rejects.toMatchObject({ tag: 'DataError' });
});

it('reads what stays below it, and has no say over plain files', async () => {
  const text = 'a,b\n1,2\n3,4\n';
  const packed = file('a.csv.gz', gzipSync(text));
  expect((await readDelimited(packed, { maxUnpacked: text.length })).rows).toBe(2);
  expect((await readDelimited(file('a.csv', text), { maxUnpacked: 1 })).rows).toBe(2);
});

it('says that a file is damaged, is no gzip, or is not there', async () => {
  const whole = gzipSync('a,b\n1,2\n');
  await expect(readDelimited(file('cut.gz', whole.subarray(0, -6)))).rejects.toThrow(
    /cut\.gz: expected a gzipped file/,
  );
  await expect(readDelimited(file('plain.gz', 'a,b\n1,2\n'))).rejects.toThrow(/plain\.gz: expected a gzipped file/);
  await expect(readDelimited(join(folder, 'none.csv.gz'))).rejects.toThrow('got no such file');
});
