/** Worker threads of a run. */
import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { resolveSpec } from '../../src/spec/spec.ts';
import { workersOf } from '../../src/spec/workers.ts';

describe('workers', () => {
  const [cpu, gpu] = (['cpu', 'webgpu'] as const).map((device) => resolveSpec({ compute: { device } }));

  it('are one for each core on the processor, one on a GPU, or what is asked for', () => {
    expect(workersOf(cpu)).toBe(availableParallelism());
    expect(workersOf(cpu, 7)).toBe(7);
    expect(workersOf(gpu)).toBe(1);
    expect([workersOf(gpu, 0), workersOf(gpu, 1)]).toEqual([0, 1]);
  });

  it.each([2.5, Number.NaN, -1, Number.POSITIVE_INFINITY])('are no such number as %d', (asked) => {
    expect(() => workersOf(cpu, asked)).toThrow('expected a whole number from 0');
  });

  it('are refused beyond one on a GPU', () => {
    expect(() => workersOf(gpu, 2)).toThrow('workers: expected 1 on webgpu, whose chains share the one device, got 2.');
  });
});
