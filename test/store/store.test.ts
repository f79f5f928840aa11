import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { checkpointPaths, pruneCheckpoints, readCheckpoint, writeCheckpoint } from '../../src/store/checkpoint.ts';
import { claimChain, latestEpoch } from '../../src/store/claim.ts';
import { drawWriter, readDraws } from '../../src/store/draws.ts';
import { readJson, sweep, TEMPORARY, writeJson, writeWhole } from '../../src/store/files.ts';
import { rereader } from '../../src/store/reread.ts';
import { createRun, readManifest, runPaths, setStatus } from '../../src/store/rundir.ts';
import {
  decodeTensors,
  encodeTensors,
  readTensors,
  tensorsChecksum,
  writeTensors,
} from '../../src/store/safetensors.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'smile-store-'));
});
const facts = { software: 'smile-bayes 0', configHash: 'a', dataHash: 'b', source: 'x.csv' };

describe('whole files', () => {
  it('replaces in one go and leaves nothing behind on failure', () => {
    const path = join(folder, 'deep', 'a.txt');
    writeWhole(path, 'one');
    writeWhole(path, 'two');
    expect(readFileSync(path, 'utf8')).toBe('two');
    const taken = join(folder, 'taken');
    mkdirSync(join(taken, 'child'), { recursive: true });
    expect(() => writeWhole(taken, 'x')).toThrow('expected to write the file');
    expect(readdirSync(folder).sort()).toEqual(['deep', 'taken']);
    writeFileSync(join(folder, 'afile'), '');
    expect(() => writeWhole(join(folder, 'afile', 'b'), 'x')).toThrow('Check space and rights');
  });

  it('names torn and missing JSON', () => {
    writeJson(join(folder, 'a.json'), { a: [1, null] });
    expect(readJson(join(folder, 'a.json'))).toEqual({ a: [1, null] });
    writeFileSync(join(folder, 'b.json'), readFileSync(join(folder, 'a.json'), 'utf8').replace('1,', '7,'));
    expect(() => readJson(join(folder, 'b.json'))).toThrow('b.json: expected JSON, got numbers that do not match');
    truncateSync(join(folder, 'a.json'), 5);
    expect(() => readJson(join(folder, 'a.json'))).toThrow('a.json: expected JSON, got text that is not');
    expect(() => readJson(join(folder, 'none.json'))).toThrow('none.json: expected a file, got none');
    for (const text of ['null', '1', '"x"', '[]', '{}', '']) {
      writeFileSync(join(folder, 'c.json'), text);
      expect(() => readJson(join(folder, 'c.json'))).toThrow('c.json: expected JSON, got');
    }
  });
});

describe('tensor files', () => {
  it('follow the safetensors layout byte by byte', () => {
    const bytes = Buffer.from(
      encodeTensors({ tensors: { w: { shape: [2], data: Float32Array.of(1, -2) } }, metadata: { a: 'b' } }),
    );
    const size = Number(bytes.readBigUInt64LE());
    expect(size % 8).toBe(0);
    const header = JSON.parse(bytes.subarray(8, 8 + size).toString());
    expect(header.w).toEqual({ dtype: 'F32', shape: [2], data_offsets: [0, 8] });
    expect(header.__metadata__.a).toBe('b');
    expect([...bytes.subarray(8 + size)]).toEqual([0, 0, 128, 63, 0, 0, 0, 192]);
  });

  it('come back as they went, of every type, in any mixture', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double()),
        fc.array(fc.float()),
        fc.array(fc.integer()),
        fc.array(fc.nat()),
        fc.string(),
        (a, b, c, d, note) => {
          const tensors = {
            b: { shape: [b.length], data: Float32Array.from(b) },
            a: { shape: [1, a.length], data: Float64Array.from(a) },
            c: { shape: [c.length], data: Int32Array.from(c) },
            d: { shape: [d.length], data: Uint32Array.from(d) },
          };
          const back = decodeTensors(encodeTensors({ tensors, metadata: { note } }), 'f');
          expect(back.tensors).toEqual(tensors);
          expect(back.metadata.note).toBe(note);
        },
      ),
      { seed: 1, numRuns: 100 },
    );
  });

  it('are refused when cut at any place or changed in any bit, of the header too', () => {
    const bytes = encodeTensors({
      tensors: { w: { shape: [3], data: Float64Array.of(1, 2, 3) } },
      metadata: { facts: '{"t":2203}' },
    });
    for (let n = 0; n < bytes.length; n++) {
      expect(() => decodeTensors(bytes.slice(0, n), 'f')).toThrow('f: expected a whole tensor file');
    }
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const flipped = bytes.slice();
      flipped[bit >> 3] ^= 1 << (bit & 7);
      expect(() => decodeTensors(flipped, 'f')).toThrow('f: expected a whole tensor file');
    }
  });

  it('say what is wrong with a header that somebody wrote a checksum for', () => {
    const signed = (header: object, body = Buffer.alloc(8)) => {
      const text = JSON.stringify({ __metadata__: { sha256: '0'.repeat(64) }, ...header });
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(Buffer.byteLength(text)));
      const bytes = Buffer.concat([length, Buffer.from(text), body]);
      bytes.write(createHash('sha256').update(bytes).digest('hex'), bytes.indexOf('0'.repeat(64)));
      return bytes;
    };
    const entry = (change: object) => ({ w: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...change } });
    expect([...(decodeTensors(signed(entry({})), 'f').tensors.w?.data ?? [])]).toEqual([0, 0]);
    for (const change of [
      { shape: [3] },
      { shape: [-2] },
      { shape: [1.5] },
      { shape: 'x' },
      { dtype: 'F99' },
      { data_offsets: [4, 12] },
      { data_offsets: [8, 0] },
      { data_offsets: [0] },
      { more: 1 },
    ])
      expect(() => decodeTensors(signed(entry(change)), 'f'), JSON.stringify(change)).toThrow('f: expected a whole');
  });

  it('keep large parts apart until they are on disk, and can be read beyond what one call gives', () => {
    const path = join(folder, 'w.safetensors');
    const file = { tensors: { w: { shape: [3], data: Float64Array.of(1, 2, 3) } }, metadata: { a: 'b' } };
    writeTensors(path, file);
    expect(readFileSync(path)).toEqual(Buffer.from(encodeTensors(file)));
    expect(readTensors(path).metadata.sha256).toBe(tensorsChecksum(file));
  });
});

describe('tensor files that are read again', () => {
  const path = () => join(folder, 'again.safetensors');
  const last = (read: (path: string) => ReturnType<typeof readTensors>) => read(path()).tensors.v.data[2];
  beforeEach(() => {
    writeTensors(path(), { tensors: { v: { shape: [3], data: Float64Array.of(1, 2, 3) } }, metadata: {} });
  });
  const hurt = () => {
    const bytes = readFileSync(path());
    bytes[bytes.length - 2] ^= 1;
    writeFileSync(path(), bytes);
  };

  it('are held against their checksum the first time', () => {
    hurt();
    expect(() => rereader()(path())).toThrow('do not match their checksum');
  });

  it('stay in memory within the bytes allowed, and are else read without a second look at the checksum', () => {
    const [kept, forgotten] = [rereader(), rereader(0)];
    for (const read of [kept, forgotten]) expect(last(read)).toBe(3);
    hurt();
    expect(last(kept)).toBe(3);
    expect(last(forgotten)).not.toBe(3);
    expect(Number.isFinite(last(forgotten))).toBe(true);
  });
});

describe('draws', () => {
  const write = (n: number, type: 'float32' | 'float16' = 'float32') => {
    const writer = drawWriter(folder, { dim: 2, stats: ['step', 'twice'], drawsPerFile: 3, type });
    for (let k = 0; k < n; k++) writer.add(Float64Array.of(9, k, -k), 1, [10 * k, 20 * k]);
    writer.flush();
  };
  const all = () =>
    [...readDraws(folder, 2)].flatMap(({ data, stats }) =>
      Array.from({ length: data.length / 2 }, (_, i) => [stats[2 * i], data[2 * i], data[2 * i + 1]]),
    );

  it('are kept in blocks and read in order', () => {
    write(7);
    expect(readdirSync(folder)).toEqual([
      'draws-000001.safetensors',
      'draws-000002.safetensors',
      'draws-000003.safetensors',
    ]);
    expect(all()).toEqual([0, 1, 2, 3, 4, 5, 6].map((k) => [10 * k, k, k === 0 ? -0 : -k]));
    expect([...readDraws(join(folder, 'none'), 2)]).toEqual([]);
  });

  it('take half the disk as float16, and say when a number does not fit', () => {
    write(7, 'float16');
    expect(all()).toEqual([0, 1, 2, 3, 4, 5, 6].map((k) => [10 * k, k, k === 0 ? -0 : -k]));
    const { tensors } = decodeTensors(readFileSync(join(folder, 'draws-000001.safetensors')), 'f');
    expect(tensors.draws.data).toBeInstanceOf(Float32Array);
    const writer = drawWriter(folder, { dim: 1, stats: [], drawsPerFile: 9, type: 'float16' });
    writer.add(Float64Array.of(Math.PI), 0, []);
    expect(writer.data[0]).toBe(3.140625);
    writer.add(Float64Array.of(7e4), 0, []);
    expect(() => writer.flush()).toThrow(
      'draws-000001.safetensors, draws: expected numbers up to 65504 for float16, got Infinity',
    );
  });

  it('are never read half-written, with a gap, or of another run', () => {
    write(7);
    writeFileSync(join(folder, `draws-000004.safetensors.1${TEMPORARY}`), 'half');
    expect(all().length).toBe(7);
    expect(() => [...readDraws(folder, 3)]).toThrow('expected draws of dimension 3, got 2');
    truncateSync(join(folder, 'draws-000002.safetensors'), 100);
    expect(all).toThrow('draws-000002.safetensors: expected a whole tensor file');
    write(4);
    writeTensors(join(folder, 'draws-000009.safetensors'), readTensors(join(folder, 'draws-000001.safetensors')));
    expect(() => [...readDraws(folder, 2)]).toThrow('expected block 3 before it');
  });
});

describe('run directory', () => {
  it('is made once, replaced only on request, and never in a foreign folder', () => {
    const dir = join(folder, 'run');
    createRun(dir, facts);
    setStatus(dir, 'done');
    expect(readManifest(dir)).toMatchObject({ status: 'done', source: 'x.csv' });
    expect(() => createRun(dir, facts)).toThrow('expected a new or empty folder');
    writeFileSync(join(dir, 'mine.txt'), 'keep');
    mkdirSync(runPaths(dir).chains);
    createRun(dir, facts, true);
    expect([existsSync(runPaths(dir).chains), existsSync(join(dir, 'mine.txt')), readManifest(dir).status]).toEqual([
      false,
      true,
      'running',
    ]);
    const foreign = join(folder, 'foreign');
    mkdirSync(join(foreign, 'photos'), { recursive: true });
    expect(() => createRun(foreign, facts, true)).toThrow('expected an earlier run to replace');
  });

  it('of another version or format is refused by name', () => {
    const dir = join(folder, 'run');
    createRun(dir, facts);
    const { manifest } = runPaths(dir);
    writeJson(manifest, { ...readManifest(dir), version: 2 });
    expect(() => readManifest(dir)).toThrow(
      'manifest.json: expected run version 1, got 2. Use the version of smile that wrote it.',
    );
    writeJson(manifest, { format: 'other' });
    expect(() => readManifest(dir)).toThrow('expected a manifest of format smile-run');
    expect(() => readManifest(folder)).toThrow('expected a run directory, got no manifest.json');
  });
});

describe('claims', () => {
  const file = (n: number) => ({ tensors: { x: { shape: [1], data: Float64Array.of(n) } }, facts: { n } });
  const lastFacts = (onDamage?: (message: string) => void) => readCheckpoint(folder, ({ facts }) => facts, onDamage);

  it('count up, and refuse whoever was passed', () => {
    const first = claimChain(folder);
    writeCheckpoint(folder, file(1), first);
    const second = claimChain(folder);
    expect([first.epoch, second.epoch, latestEpoch(folder)]).toEqual([1, 2, 2]);
    expect(() => writeCheckpoint(folder, file(9), first)).toThrow(
      'expected to be its only writer (epoch 1), got a later',
    );
    const writer = drawWriter(folder, { dim: 1, stats: [], drawsPerFile: 1 }, undefined, first.check);
    expect(() => writer.add(Float64Array.of(9), 0, [])).toThrow('a later claim (epoch 2)');
    expect(lastFacts()).toEqual({ n: 1 });
    expect(readdirSync(folder).sort()).toEqual(['checkpoint-000001-000000.safetensors', 'claim-000002']);
  });

  it('fence removals: whoever was passed removes nothing of its successor', () => {
    const layout = { dim: 1, stats: [], drawsPerFile: 1 };
    const first = claimChain(folder);
    const second = claimChain(folder);
    drawWriter(folder, layout, undefined, second.check).add(Float64Array.of(1), 0, []);
    writeFileSync(join(folder, `summary.json.9${TEMPORARY}`), 'half');
    const before = readdirSync(folder).sort();
    expect(() => drawWriter(folder, layout, undefined, first.check)).toThrow('a later claim (epoch 2)');
    expect(() => sweep(folder, { check: first.check })).toThrow('a later claim (epoch 2)');
    expect(() => pruneCheckpoints(folder, first.check)).not.toThrow();
    expect(readdirSync(folder).sort()).toEqual(before);
  });

  it('make no folder where the chain has been moved away', () => {
    const chain = join(folder, 'run', 'chains', '0');
    const claim = claimChain(chain);
    renameSync(join(folder, 'run'), join(folder, 'moved'));
    expect(() => writeCheckpoint(chain, file(1), claim)).toThrow('expected the chain where it was claimed');
    expect(existsSync(join(folder, 'run'))).toBe(false);
  });

  it('order checkpoints: a late one of an earlier epoch is not the last', () => {
    const first = claimChain(folder);
    const second = claimChain(folder);
    writeCheckpoint(folder, file(2), second);
    writeCheckpoint(folder, file(1), { ...first, check: () => {} });
    expect(lastFacts()).toEqual({ n: 2 });
    writeCheckpoint(folder, file(3), second);
    writeCheckpoint(folder, file(4), second);
    expect(lastFacts()).toEqual({ n: 4 });
    expect(checkpointPaths(folder).length).toBe(2);
    truncateSync(checkpointPaths(folder)[0], 40);
    const damage: string[] = [];
    expect(lastFacts((message) => damage.push(message))).toEqual({ n: 3 });
    expect(damage[0]).toContain('checkpoint-000002-000002.safetensors: expected a whole tensor file');
  });

  it('are made by one of many at a time', () => {
    const epochs = Array.from({ length: 20 }, () => claimChain(folder).epoch);
    expect(epochs).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  });
});
