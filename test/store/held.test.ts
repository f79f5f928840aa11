/** Draws of a file that is not full: no checkpoint carries them, none is written twice, and whoever goes on has them to the bit. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { normals, uniforms } from '../../src/math/random.ts';
import type { DrawLayout } from '../../src/store/draw-file.ts';
import { type DrawWriter, drawWriter, type WriterPlace } from '../../src/store/draws.ts';
import { readHeld } from '../../src/store/held.ts';
import { readTensors } from '../../src/store/safetensors.ts';

const DRAWS = 40;
const LAYOUT: DrawLayout = { dim: 3, stats: ['step', 'lp'], drawsPerFile: 7 };
const values = new Float64Array(DRAWS * LAYOUT.dim);
normals([1, 2], values);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'smile-held-'));
});

const addTo = (writer: DrawWriter, from: number, to: number) => {
  for (let k = from; k < to; k++) writer.add(values, k * LAYOUT.dim, [k, -k]);
};
const pieces = () => readdirSync(folder).filter((name) => name.startsWith('held-'));
const fullFiles = () => {
  const names = readdirSync(folder).filter((name) => name.startsWith('draws-'));
  return names.map((name) => readFileSync(join(folder, name), 'hex'));
};
const { dim, stats } = LAYOUT;
const heldAt = ({ files, held: count }: WriterPlace) => readHeld(folder, { files, count, dim, stats: stats.length });

it.each(['float32', 'float16'] as const)(
  'a writer that is stopped anywhere goes on from either of two checkpoints, %s',
  (type) => {
    const layout = { ...LAYOUT, type };
    const whole = drawWriter(folder, layout);
    addTo(whole, 0, DRAWS);
    whole.flush();
    const undisturbed = fullFiles();
    for (let trial = 0; trial < 10; trial++) {
      rmSync(folder, { recursive: true });
      const chances = new Float64Array(30);
      uniforms([3, trial], chances);
      let writer = drawWriter(folder, layout);
      let at = 0;
      const kept: WriterPlace[] = [];
      for (let i = 0; at < DRAWS; i += 3) {
        const to = Math.min(DRAWS, at + Math.floor(chances[i] * 12));
        addTo(writer, at, to);
        at = to;
        // Killed after its draws, after its piece, or once the checkpoint that counts on it was written.
        const moment = chances[i + 1];
        if (moment > 0.3) {
          const place = writer.hold();
          if (moment > 0.5) kept.unshift(place);
        }
        if (i + 5 >= chances.length) break;
        const back = kept[chances[i + 2] < 0.3 && kept.length > 1 ? 1 : 0] ?? { files: 0, held: 0 };
        const standing = { files: back.files, ...heldAt(back) };
        writer = drawWriter(folder, layout, standing);
        at = back.files * layout.drawsPerFile + back.held;
        kept.splice(0, kept.length, back);
      }
      addTo(writer, at, DRAWS);
      writer.flush();
      expect(fullFiles()).toEqual(undisturbed);
    }
  },
);

it('each draw is in one piece, and pieces go with the checkpoints that counted on them', () => {
  const writer = drawWriter(folder, LAYOUT);
  const seen: string[][] = [];
  let at = 0;
  for (const to of [2, 2, 5, 9, 15, 16]) {
    addTo(writer, at, to);
    at = to;
    writer.hold();
    seen.push(pieces());
  }
  const name = (files: number, first: number) => `held-00000${files}-00000${first}.safetensors`;
  const [a, b, c, d, e] = [name(0, 0), name(0, 2), name(1, 0), name(2, 0), name(2, 1)];
  // Draws 5 and 6 went into the first file; the pieces of its others stay for one checkpoint more.
  expect(seen).toEqual([[a], [a], [a, b], [a, b, c], [a, b, c, d], [c, d, e]]);
  expect(readTensors(join(folder, d)).tensors.draws.shape).toEqual([1, 3]);
});

it('a chain that begins again has none; a piece that is cut or of another run is named', () => {
  const writer = drawWriter(folder, LAYOUT);
  addTo(writer, 0, 3);
  const place = writer.hold();
  expect(heldAt({ files: 0, held: 2 })).toEqual({
    data: Float32Array.from(values.subarray(0, 6)),
    stats: Float64Array.of(0, -0, 1, -1),
  });
  expect(() => readHeld(folder, { files: 0, count: 3, dim: 4, stats: 2 })).toThrow('expected draws of dimension 4');
  expect(() => readHeld(folder, { files: 0, count: 3, dim: 3, stats: 5 })).toThrow('with 5 numbers each');
  expect(() => heldAt({ files: 0, held: 4 })).toThrow('held-000000-000003.safetensors: expected a file, got none');
  const path = join(folder, pieces()[0] as string);
  truncateSync(path, statSync(path).size - 1);
  expect(() => heldAt(place)).toThrow('held-000000-000000.safetensors: expected a whole tensor file');
  drawWriter(folder, LAYOUT);
  expect(pieces()).toEqual([]);
});
