/** What a chain's checkpoint says, checked before anything trusts it. */
import { z } from 'zod';
import { storeError } from '../errors.ts';
import type { Checkpoint } from '../store/checkpoint.ts';
import type { DrawFile } from '../store/draw-file.ts';
import type { WriterPlace, WriterStanding } from '../store/draws.ts';
import type { TensorData } from '../types.ts';

const count = z.int().nonnegative();
/** JSON has no NaN: a number that was none is null. */
const number = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);
const numbers = z.array(number);
const tally = z.strictObject({
  steps: count,
  resets: count,
  nonFinite: count,
  moved: number,
  energies: number,
  measured: count,
  sample: z.strictObject({ kept: z.array(z.number()).readonly(), spacing: count, seen: count }),
});
const trainingFacts = z.strictObject({
  phase: z.literal('training'),
  epoch: count,
  /** Steps of the next epoch; checkpoints of earlier versions fall between epochs. */
  step: count.default(0),
  dim: count,
});
const samplingFacts = z.strictObject({
  phase: z.literal('sampling'),
  /** The attempt of the chain that it is of. */
  attempt: count,
  /** The next step. */
  t: count,
  draws: count,
  /** Files of draws that are written; the draws beyond them lie in pieces beside them. */
  blocks: count,
  gradients: count,
  /** Draws that `logSum` is over: the finite ones of earlier files. */
  watched: count,
  seconds: z.number(),
  warmup: tally,
  sampling: tally,
  trace: z.strictObject({ step: z.array(count), stepSize: numbers, logDensity: numbers }),
});
const facts = z.discriminatedUnion('phase', [trainingFacts, samplingFacts]);

/** Files of draws that the checkpoint with these facts counts on; 0 for one of a training, or for what is none. */
export const filesCounted = (told: unknown): number => samplingFacts.safeParse(told).data?.blocks ?? 0;

/** Per member numbers and vectors of a training, each `[C]` or `[C × d]`. */
const MEMBER_VECTORS = ['theta', 'm', 'v', 'best'] as const;
const MEMBER_NUMBERS = ['loss', 'bestEpoch', 'epochs'] as const;
export const MEMBER_FIELDS = [...MEMBER_VECTORS, ...MEMBER_NUMBERS] as const;
export type MemberFields = Readonly<Record<(typeof MEMBER_FIELDS)[number], Float64Array>>;

export type SamplingFacts = Omit<z.output<typeof samplingFacts>, 'phase' | 'blocks'>;

/** A chain before step t. */
export interface SamplingStanding {
  readonly facts: SamplingFacts;
  readonly writer: WriterStanding;
  /** What its monitor has summed up of earlier files. */
  readonly logSum: Float64Array;
  /** Its first draw `[d]`, if there was one. */
  readonly first: Float64Array | undefined;
  /** Its part of the sampler's state; float32 where it lives on a device. */
  readonly state: Readonly<Record<string, TensorData>>;
}

export type ChainStanding =
  | { readonly phase: 'training'; readonly epoch: number; readonly step: number; readonly member: MemberFields }
  | { readonly phase: 'sampling'; readonly sampling: SamplingStanding };

/** How large what a checkpoint holds must be. */
export interface ExpectedSizes {
  /** d. */
  readonly dim: number;
  /** Draws of a full file. */
  readonly drawsPerFile: number;
}

/** Throws a `StoreError` for a checkpoint that no chain of these sizes can have written, and what `heldAt` throws. */
export function standingIn(
  { tensors, facts: told }: Checkpoint,
  path: string,
  { dim, drawsPerFile }: ExpectedSizes,
  heldAt: (place: WriterPlace) => DrawFile,
): ChainStanding {
  const unusable = (got: string) =>
    storeError(`${path}: expected a checkpoint of this run, got ${got}. It is passed over.`);
  const parsed = facts.safeParse(told);
  if (!parsed.success) {
    const [{ path: field, message }] = parsed.error.issues;
    throw unusable(`${field.join('.') || 'facts'}: ${message}`);
  }
  const vector = <T extends TensorData>(name: string, fits: (length: number) => boolean): T => {
    const data = tensors[name]?.data;
    if (!(data instanceof Float64Array || data instanceof Float32Array) || !fits(data.length))
      throw unusable(`${data?.length ?? 'no'} numbers of '${name}'`);
    return data as TensorData as T;
  };
  const of = (length: number) => (given: number) => given === length;
  if (parsed.data.phase === 'training') {
    const fields = MEMBER_FIELDS.map((name) => {
      const size = MEMBER_VECTORS.some((field) => field === name) ? dim : 1;
      return [name, vector<Float64Array>(name, of(size))] as const;
    });
    const member = Object.fromEntries(fields) as unknown as MemberFields;
    return { phase: 'training', epoch: parsed.data.epoch, step: parsed.data.step, member };
  }
  const { phase, blocks: files, ...rest } = parsed.data;
  const held = rest.draws - files * drawsPerFile;
  if (held < 0 || held >= drawsPerFile) throw unusable(`${rest.draws} draws in ${files} blocks of ${drawsPerFile}`);
  const own = Object.keys(tensors).filter((name) => name.startsWith('state.'));
  return {
    phase,
    sampling: {
      facts: rest,
      writer: { files, ...heldAt({ files, held }) },
      logSum: vector<Float64Array>('logSum', (rows) => rows > 0),
      first: tensors.first && vector<Float64Array>('first', of(dim)),
      state: Object.fromEntries(own.map((name) => [name.slice('state.'.length), vector(name, () => true)])),
    },
  };
}
