/** What a running fit tells: typed events, for screens and programs. */

export type Phase = 'warm start' | 'warm-up' | 'sampling';

/** Where a block of chains stands. Arrays are per chain of the block. */
export interface BlockProgress {
  readonly chains: readonly number[];
  readonly phase: Phase;
  /** Work units done and planned in this phase: epochs of the warm start, else steps. */
  readonly step: number;
  readonly total: number;
  /** Units that were done when `seconds` began. */
  readonly first: number;
  /** Seconds of work on this phase since then. */
  readonly seconds: number;
  /** Best validation loss in the warm start, else the log density. */
  readonly value: readonly number[];
  readonly stepSize: readonly number[];
  readonly resets: readonly number[];
  readonly nonFinite: readonly number[];
  /** Draws, and gradient evaluations since the warm start, of each chain. */
  readonly draws: number;
  readonly gradients: number;
  /** Root mean square energy error ΔE/√d of the measured steps of this phase, in nats; null before the first. */
  readonly energyError: readonly (number | null)[];
  /** Running LPPD on the watched validation rows, in nats per row; null before the first draws. */
  readonly lppd: readonly (number | null)[];
}

export type FitEvent =
  | { readonly type: 'note'; readonly message: string }
  | { readonly type: 'progress'; readonly block: BlockProgress };

/** The end of one chain, stored beside its draws. */
export interface ChainSummary {
  readonly chain: number;
  /** How often the chain was begun again; absent for never. */
  readonly attempt?: number;
  readonly status: 'done' | 'stopped';
  readonly draws: number;
  /** Step size at the end. */
  readonly stepSize: number;
  readonly gradients: number;
  readonly seconds: number;
  readonly warmup: PhaseTally;
  readonly sampling: PhaseTally;
  /** What warm-up measured of the gradient noise; absent where the sampler does not measure it. */
  readonly noise?: NoiseSummary;
  /** Root mean square distance between first and last draw, per parameter. */
  readonly travelled: number;
}

/** How a chain went, at evenly spaced steps of warm-up and sampling. */
export interface ChainTrace {
  readonly step: readonly number[];
  readonly stepSize: readonly number[];
  readonly logDensity: readonly number[];
  /** ΔE of single sampling steps, in nats, evenly spaced among the measured ones. */
  readonly energyErrors: readonly number[];
}

/** Gradient noise of a chain: predicted effective temperatures as 5 %, 50 % and 95 % quantiles over parameters. */
export interface NoiseSummary {
  /** Pairs of batches compared. */
  readonly samples: number;
  /** V̄, mean variance of the gradient noise, raw. */
  readonly variance: number;
  /** T_i without preconditioner, and as sampled. 1 means unbiased. */
  readonly plain: readonly [number, number, number];
  readonly sampled: readonly [number, number, number];
  /** L_eff: the decoherence length that the noise amounts to. */
  readonly decoherence: number;
}

export interface PhaseTally {
  readonly steps: number;
  /** Steps that the guard rejected, non-finite ones included. */
  readonly resets: number;
  readonly nonFinite: number;
  /** Mean distance moved per step. */
  readonly meanMoved: number;
  /** Mean of ΔE²/d over the measured steps; null where none was. */
  readonly energyVariance: number | null;
  /** 90 % quantile of |ΔE|/√d over them. */
  readonly energyTail: number | null;
}

/** 0 … count − 1. */
export const allChains = (count: number): number[] => Array.from({ length: count }, (_, c) => c);
