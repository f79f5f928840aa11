/** Progress of a block, told seldom enough not to cost anything. */
import type { BlockProgress, Phase } from '../spec/records.ts';

/** Milliseconds between progress events. */
const EVENT_INTERVAL = 250;

type Numbers = ArrayLike<number>;

/** Sends progress at most four times a second, and always at the beginning and the end of a phase. */
export function progressReporter(chains: readonly number[], onProgress: (progress: BlockProgress) => void) {
  const zeros = chains.map(() => 0);
  const unknown = chains.map(() => Number.NaN);
  let phaseOf: Phase | undefined;
  let began = 0;
  let first = 0;
  let sent = 0;
  return (
    phase: Phase,
    step: number,
    total: number,
    state: () => {
      value: Numbers;
      stepSize?: Numbers;
      resets?: Numbers;
      nonFinite?: Numbers;
      energyError?: Numbers;
      lppd?: Numbers;
      draws?: number;
      gradients?: number;
    },
  ) => {
    const time = performance.now();
    if (phase !== phaseOf) {
      phaseOf = phase;
      began = time;
      first = step;
      sent = Number.NEGATIVE_INFINITY;
    }
    if (time - sent < EVENT_INTERVAL && step < total) return;
    sent = time;
    const now = state();
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
      draws: now.draws ?? 0,
      gradients: now.gradients ?? 0,
      energyError: measured(now.energyError ?? unknown),
      lppd: measured(now.lppd ?? unknown),
    });
  };
}

/** JSON has no NaN. */
const measured = (numbers: Numbers): (number | null)[] =>
  Array.from(numbers, (value) => (Number.isFinite(value) ? value : null));
