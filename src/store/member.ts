/** The warm-started members of a run, a file each. */
import { storeError } from '../errors.ts';
import { readTensors, writeTensors } from './safetensors.ts';

export interface StoredMember {
  /** Parameters `[d]`. */
  readonly theta: Float64Array;
  /** Validation loss, and epochs trained. */
  readonly loss: number;
  readonly epochs: number;
  /** Its training was interrupted: chains do not start there. */
  readonly unfinished?: boolean;
}

/** Writes a member; `check` may refuse, as of `writeWhole`. */
export function writeMember(path: string, { theta, loss, epochs, unfinished }: StoredMember, check: () => void): void {
  const metadata = { loss: String(loss), epochs: String(epochs), ...(unfinished && { unfinished: 'true' }) };
  writeTensors(path, { tensors: { theta: { shape: [theta.length], data: theta } }, metadata }, check);
}

/** Reads a member of `dim` parameters. Throws a `StoreError` for a missing, damaged or foreign one. */
export function readMember(path: string, dim: number): StoredMember {
  const { tensors, metadata } = readTensors(path);
  const theta = tensors.theta?.data;
  if (!(theta instanceof Float64Array) || theta.length !== dim) {
    const got = tensors.theta ? `${theta?.length}` : 'none';
    throw storeError(`${path}: expected ${dim} parameters of a member, got ${got}. The file is of another run.`);
  }
  const unfinished = metadata.unfinished === 'true';
  return { theta, loss: Number(metadata.loss), epochs: Number(metadata.epochs), unfinished };
}
