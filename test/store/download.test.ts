/** Downloads from a server of this machine that cuts connections, knows no parts, or sends other bytes. */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { check, download } from '../../src/store/fetch/download.ts';

const content = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 31) % 251));
const sha256 = createHash('sha256').update(content).digest('hex');
const file = { name: 'set.bin', size: content.length, sha256 };
const soon = { tries: 3, patience: 1 };

let answer: (request: IncomingMessage, response: ServerResponse) => void;
let asked: (string | undefined)[] = [];
const server = createServer((request, response) => {
  asked.push(request.headers.range);
  answer(request, response);
});
const folder = mkdtempSync(join(tmpdir(), 'smile-download-'));
const path = join(folder, 'set.bin');
let url = '';
beforeAll(async () => {
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/set.bin`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  asked = [];
  for (const left of [path, `${path}.partial`]) rmSync(left, { force: true });
});

const startOf = ({ headers }: IncomingMessage) => Number(/bytes=(\d+)-/.exec(headers.range ?? 'bytes=0-')?.[1]);
/** Sends what is asked for, `most` bytes of it before the connection is cut. */
const inParts =
  (bytes: Buffer, most = Number.POSITIVE_INFINITY) =>
  (request: IncomingMessage, response: ServerResponse) => {
    const from = startOf(request);
    const part = bytes.subarray(from);
    const range = { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': part.length, ...(from > 0 && range) });
    if (part.length <= most) response.end(part);
    else response.write(part.subarray(0, most), () => setTimeout(() => response.destroy(), 5));
  };

describe('downloads', () => {
  it('go on where the connection was cut, however often', async () => {
    answer = inParts(content, 30_000);
    const held: number[] = [];
    const { certain } = await download(url, path, file, { ...soon, onProgress: (n) => held.push(n) });
    expect([certain, readFileSync(path).equals(content), existsSync(`${path}.partial`)]).toEqual([true, true, false]);
    expect(asked[0]).toBeUndefined();
    expect(asked.length).toBeGreaterThanOrEqual(4);
    expect(asked.slice(1).every((range) => /^bytes=[1-9]\d*-$/.test(range!))).toBe(true);
    expect(held.at(-1)).toBe(content.length);
  });

  it('go on from what an earlier one left', async () => {
    writeFileSync(`${path}.partial`, content.subarray(0, 70_000));
    answer = inParts(content);
    await download(url, path, file, soon);
    expect([asked, readFileSync(path).equals(content)]).toEqual([['bytes=70000-'], true]);
  });

  it('begin anew where the server knows no parts', async () => {
    writeFileSync(`${path}.partial`, content.subarray(0, 70_000));
    answer = (_, response) => response.end(content);
    await download(url, path, file, soon);
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it.each<[string, Buffer, RegExp]>([
    ['other bytes', Buffer.from(content).fill(1, 500, 501), /expected set\.bin with sha256 .*, got .*Fetch it anew/],
    ['fewer bytes', content.subarray(1), /expected set\.bin with size 100000, got 99999/],
    ['more bytes', Buffer.concat([content, content]), /got more than the 100000 bytes of the file/],
  ])('%s get no name', async (_, bytes, message) => {
    answer = inParts(bytes);
    await expect(download(url, path, file, soon)).rejects.toThrow(message);
    expect([existsSync(path), existsSync(`${path}.partial`)]).toEqual([false, false]);
  });

  it('are given up after tries that bring nothing, and at once where there is no such file', async () => {
    answer = (_, response) => response.destroy();
    await expect(download(url, path, file, soon)).rejects.toThrow(
      /expected the whole file, got .* after 0 bytes\. Try again/,
    );
    expect(asked.length).toBe(3);
    answer = (_, response) => response.writeHead(404).end();
    await expect(download(url, path, file, soon)).rejects.toThrow(/got status 404/);
    expect(asked.length).toBe(4);
  });

  it('without a known checksum are not called certain', async () => {
    answer = inParts(content);
    expect(await download(url, path, { name: 'set.bin' }, soon)).toEqual({
      size: content.length,
      sha256,
      certain: false,
    });
    const md5 = createHash('md5').update(content).digest('hex');
    expect((await check(path, { name: 'set.bin', md5 })).certain).toBe(true);
    await expect(check(path, { name: 'set.bin', md5: '0' })).rejects.toThrow(/with md5 0, got/);
  });
});
