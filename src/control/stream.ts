/** A fit as a stream of typed events, for programs. */
import type { Evaluation } from '../answers/evaluate.ts';
import type { FitEvent } from '../spec/records.ts';
import { type FitOptions, fit } from './fit.ts';
import { type ResumeOptions, resume } from './resume.ts';

type Streamed<T> = Omit<T, 'onEvent'>;

/**
 * The events of `fit` in order; the generator returns the evaluation. Leaving the loop, or aborting `signal`, checkpoints the chains and
 * ends them; `resumeEvents` goes on. Throws what `fit` throws.
 */
export const fitEvents = (options: Streamed<FitOptions>): AsyncGenerator<FitEvent, Evaluation> =>
  streamed(options.signal, (signal, onEvent) => fit({ ...options, signal, onEvent }));

/** The events of `resume`, as `fitEvents`. */
export const resumeEvents = (
  dir: string,
  options: Streamed<ResumeOptions> = {},
): AsyncGenerator<FitEvent, Evaluation> =>
  streamed(options.signal, (signal, onEvent) => resume(dir, { ...options, signal, onEvent }));

async function* streamed(
  asked: AbortSignal | undefined,
  work: (signal: AbortSignal, onEvent: (event: FitEvent) => void) => Promise<Evaluation>,
): AsyncGenerator<FitEvent, Evaluation> {
  const left = new AbortController();
  const signal = asked ? AbortSignal.any([asked, left.signal]) : left.signal;
  const waiting: FitEvent[] = [];
  let wake = () => {};
  const ended = work(signal, (event) => {
    waiting.push(event);
    wake();
  });
  let over = false;
  const close = () => {
    over = true;
    wake();
  };
  ended.then(close, close);
  try {
    while (true) {
      for (let event = waiting.shift(); event; event = waiting.shift()) yield event;
      if (over) return await ended;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    left.abort();
    await ended;
  }
}
