/** What a block of chains is told. */
import type { BlockProgress, Phase } from '../spec/records.ts';
import type { Claim } from '../store/claim.ts';
import type { TensorFile } from '../store/safetensors.ts';

export interface BlockOptions {
  /** Indices of the chains in the run. Neighbours share graphs, not randomness. */
  readonly chains: readonly number[];
  /** Asked before each epoch and step, with those that are done; true ends the block with what it has. */
  readonly stopped: (phase: Phase, done: number) => boolean;
  readonly onProgress: (progress: BlockProgress) => void;
  /** Seconds between checkpoints; they change nothing but where a killed run goes on. Default 15. */
  readonly checkpointSeconds?: number | undefined;
  /** What the file of the run's encoded rows holds, in memory of all threads; without it the block reads the file. */
  readonly encoded?: TensorFile | undefined;
}

/** Chains at the same place, each claimed: none is written after another process has claimed it. */
export interface ClaimedBlock extends BlockOptions {
  readonly claims: readonly Claim[];
}

export const CHECKPOINT_SECONDS = 15;
