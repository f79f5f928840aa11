/** Files of tensors in shared memory: read once while they are the same, and never passed over once they changed. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeTensors } from '../../src/store/safetensors.ts';
import { keepShared, readSharedTensors } from '../../src/store/shared.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-shared-'));
const fileOf = (...values: number[]) => {
  const data = new Uint8Array(new SharedArrayBuffer(values.length) as unknown as ArrayBuffer);
  data.set(values);
  const part = Int32Array.of(0, values.length);
  return {
    tensors: { x: { shape: [values.length], data }, part: { shape: [2], data: part } },
    metadata: { sha256: 'known' },
  };
};

it('are the same memory when read again, and others once they are written anew or damaged', () => {
  const path = join(folder, 'a.safetensors');
  writeTensors(path, fileOf(1, 2, 3));
  const first = readSharedTensors(path);
  expect(first.tensors.x.data.buffer).toBeInstanceOf(SharedArrayBuffer);
  const again = readSharedTensors(path);
  expect(again).toEqual(first);
  expect(again.tensors.x.data.buffer).toBe(first.tensors.x.data.buffer);
  writeTensors(path, fileOf(4, 5, 6));
  expect([...readSharedTensors(path).tensors.x.data]).toEqual([4, 5, 6]);
  const bytes = readFileSync(path);
  bytes[bytes.length - 1] ^= 1;
  writeFileSync(path, bytes);
  expect(() => readSharedTensors(path)).toThrow('do not match their checksum');
  rmSync(path);
  expect(() => readSharedTensors(path)).toThrow('expected a file, got none');
});

it('need not be read where they were written from shared memory', () => {
  const path = join(folder, 'b.safetensors');
  const file = fileOf(7, 8, 9);
  writeTensors(path, file);
  keepShared(path, file);
  const { tensors, metadata } = readSharedTensors(path);
  expect(metadata).toEqual({ sha256: 'known' });
  expect(tensors.x.data.buffer).toBe(file.tensors.x.data.buffer);
  expect(tensors).toEqual(file.tensors);
});
