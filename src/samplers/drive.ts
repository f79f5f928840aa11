/** Runs a step to its end, with log densities that answer at once or later. */
import type { Info, LogDensity, Sampler, State, Step } from '../types.ts';

/** What is done at once, or once the promise is kept. */
export type Answer = void | Promise<void>;

/** Hands the promise of what is not done at once to whoever drives the step. */
export function* answered(answer: Answer): Generator<Promise<void>, void, void> {
  if (answer) yield answer;
}

/** Advances `state` by step `t` on a log density that answers at once. Throws on one that does not. */
export function stepSync<S extends State, B>(
  sampler: Sampler<S>,
  state: S,
  density: LogDensity<B>,
  batch: B,
  t: number,
): Info {
  const turn = sampler.step(state, density, batch, t).next();
  if (!turn.done) throw new TypeError('stepSync: expected a synchronous log density, got a promise. Use stepAsync.');
  return turn.value;
}

/** Advances `state` by step `t` on any log density. */
export async function stepAsync<S extends State, B>(
  sampler: Sampler<S>,
  state: S,
  density: LogDensity<B>,
  batch: B,
  t: number,
): Promise<Info> {
  return runStep(sampler.step(state, density, batch, t));
}

/** Runs a step to its end. */
export async function runStep(step: Step): Promise<Info> {
  for (let turn = step.next(); ; turn = step.next()) {
    if (turn.done) return turn.value;
    await turn.value;
  }
}
