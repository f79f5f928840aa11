/** Progress of a block, told seldom enough not to cost anything. */
import type { BlockProgress, Phase } from './events.ts';

/** Milliseconds between progress events. */
const EVENT_INTERVAL = 250;

type Numbers = ArrayLike<number>;

/** Sends progress at most four times a second, and always at the end of a phase. */
export function progressReporter(chains: readonly number[], onProgress: (progress: BlockProgress) => void) {
  const zeros = chains.map(() => 0);
  let phaseOf: Phase | undefined;
  let began = 0;
  let first = 0;
  let sent = 0;
  return (
    phase: Phase,
    step: number,
    total: number,
    now: { value: Numbers; stepSize?: Numbers; resets?: Numbers; nonFinite?: Numbers },
  ) => {
    const time = performance.now();
    if (phase !== phaseOf) {
      phaseOf = phase;
      began = time;
      first = step;
    }
    if (time - sent < EVENT_INTERVAL && step < total) return;
    sent = time;
    onProgress({
      chains,
      phase,
      step,
      total,
      first,
      seconds: (time - began) / 1000,
      value: Array.from(now.value),
      stepSize: Array.from(now.stepSize ?? zeros),
      resets: Array.from(now.resets ?? zeros),
      nonFinite: Array.from(now.nonFinite ?? zeros),
    });
  };
}
