import { describe, expect, it } from 'vitest';
import { batchStream } from '../../src/data/batches.ts';
import { tableRows } from '../../src/data/table/rows.ts';
import { fold, rootKey } from '../../src/math/threefry.ts';

const N = 23;
const source = tableRows({
  x: Float32Array.from({ length: N * 2 }, (_, i) => i),
  y: Float64Array.from({ length: N }, (_, i) => i),
  inputs: 2,
  targets: 1,
});
const keys = [0, 1, 2].map((c) => fold(rootKey(1), c));

describe('batch stream', () => {
  it('uses every row once an epoch, each batch full, features before rows', () => {
    const stream = batchStream(source, keys, 5);
    expect(stream.factor).toBe(N / 5);
    const seen: number[] = [];
    for (let t = 0; t < N; t++) {
      const { x, y } = stream.at(t);
      for (let j = 0; j < 5; j++) {
        const row = y[5 + j];
        seen.push(row);
        expect([x[10 + j], x[15 + j]]).toEqual([2 * row, 2 * row + 1]);
      }
    }
    for (let epoch = 0; epoch < 5; epoch++) {
      expect(new Set(seen.slice(epoch * N, (epoch + 1) * N)).size).toBe(N);
    }
  });

  it('needs no history and no block', () => {
    const long = batchStream(source, keys, 5);
    for (let t = 0; t < 11; t++) long.at(t);
    const here = long.at(11).y.slice(10);
    expect(batchStream(source, [keys[2]], 5).at(11).y).toEqual(here);
    expect(batchStream(source, keys, 5).at(11).y.slice(0, 5)).not.toEqual(here);
  });

  it("in the paper's way never sees the last rows and scales by whole batches", () => {
    const stream = batchStream(source, [keys[0]], 5, 'paper');
    const seen = new Set<number>();
    for (let t = 0; t < 40; t++) for (const row of stream.at(t).y) seen.add(row);
    expect([stream.factor, seen.size, Math.max(...seen)]).toEqual([4, 20, 19]);
  });

  it('writes classes one-hot', () => {
    const classes = tableRows({ ...source, y: source.y.map((v) => v % 3), targets: 3 });
    const { x, y } = batchStream(classes, [keys[0]], 4).at(2);
    for (let j = 0; j < 4; j++) {
      const row = x[j] / 2;
      expect([0, 1, 2].map((k) => y[k * 4 + j])).toEqual([0, 1, 2].map((k) => (row % 3 === k ? 1 : 0)));
    }
  });
});
