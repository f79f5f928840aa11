/** Progress as a worker tells it through Redis, where others may write too. */
import { z } from 'zod';
import type { BlockProgress } from '../spec/records.ts';

/** JSON has no NaN. */
const numbers = z.array(
  z
    .number()
    .nullable()
    .transform((value) => value ?? Number.NaN),
);
const counts = z.array(z.int().min(0));
const known = z.array(z.number().nullable());

const schema = z.object({
  at: z.number(),
  chains: z.array(z.int().min(0)).min(1),
  phase: z.enum(['warm start', 'warm-up', 'sampling']),
  step: z.number(),
  total: z.number(),
  first: z.number(),
  seconds: z.number(),
  value: numbers,
  stepSize: numbers,
  resets: counts,
  nonFinite: counts,
  draws: z.number(),
  gradients: z.number(),
  energyError: known,
  lppd: known,
});

/** What is told of some of `chains`, and when; undefined for anything else. */
export function readProgress(
  told: unknown,
  chains: readonly number[],
): { at: number; block: BlockProgress } | undefined {
  const read = schema.safeParse(told);
  if (!read.success) return undefined;
  const { at, ...block } = read.data;
  const { value, stepSize, resets, nonFinite, energyError, lppd } = block;
  const whole = [value, stepSize, resets, nonFinite, energyError, lppd].every(
    ({ length }) => length === block.chains.length,
  );
  return whole && block.chains.every((chain) => chains.includes(chain)) ? { at, block } : undefined;
}
