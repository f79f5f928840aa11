/** What `smile inspect` says of data, and `smile data` without a network: the command in a process of its own. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { built } from '../built.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-data-'));
afterAll(() => rmSync(folder, { recursive: true }));
const smile = (...args: string[]) =>
  spawnSync(process.execPath, [built('cli.js'), ...args], { cwd: folder, encoding: 'utf8' });
const fixture = (path: string) => resolve('test/fixtures/data', path);

describe('smile inspect', () => {
  it('tells classes of images and writes thumbnails of them', () => {
    const { stdout, stderr } = smile('inspect', fixture('pictures'), '--sheet', 'sheet.png');
    expect(stdout, stderr).toContain('6 images of 5 × 4 RGB, values 0 to 184\n2 classes: cat (3), dog (3)');
    expect(stdout).toContain('1 files that are no PNG or JPEG were left out: cat/notes.txt');
    const png = readFileSync(join(folder, 'sheet.png'));
    // 12 pictures across, 2 lines of 7, ten times as large.
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([10 * 12 * 6, 10 * 2 * 7]);
  });

  it('tells columns of tables and symbols of texts', () => {
    expect(smile('inspect', fixture('parquet/table.parquet')).stdout).toContain(
      'colour           2 categories: red, blue',
    );
    writeFileSync(join(folder, 'plays.txt'), 'To be, or not\nto be:\nthat is\nthe question\n');
    const facts = JSON.parse(smile('inspect', 'plays.txt', '--json').stdout);
    expect(facts).toMatchObject({
      kind: 'text',
      characters: 42,
      tokens: 42,
      sample: 'To be, or not\nto be:\nthat is\nthe question\n',
    });
    const { stderr, status } = smile('inspect', 'plays.txt', '--sheet', 'x.png');
    expect([stderr, status]).toEqual([expect.stringContaining('--sheet: expected images, got a text.'), 1]);
  });
});

describe('smile data', () => {
  it('lists what is known, and refuses files that are others', () => {
    expect(smile('data', 'list').stdout).toMatch(
      /fashion-mnist .*\n.*train-images-idx3-ubyte\.gz \(26\.4 MB, checksum known\)/,
    );
    expect(smile('data', 'list').stdout).toContain('airfoil.zip (size not known, no checksum known)');
    writeFileSync(join(folder, 'tinyshakespeare.txt'), 'other');
    const { stderr, status } = smile('data', 'verify', 'tinyshakespeare.txt');
    expect([stderr, status]).toEqual([expect.stringContaining('with size 1115394, got 5. Fetch it anew.'), 1]);
    expect(smile('data', 'fetch', 'nothing').stderr).toContain(
      'data: expected one of fashion-mnist, cifar-10, imagenette-160',
    );
    expect(smile('data', 'fetch', 'modern-shakespeare', '--to', 'cache').stderr).toContain(
      'expected an address, got none that is known',
    );
  });
});
