/** Runs a step to its end, with log densities that answer at once or later. */
import type { Info, LogDensity, Sampler, State, Step } from '../types.ts';

/** Hands the promise of an asynchronous log density to whoever drives the step. */
export function* evaluate<B>(
  density: LogDensity<B>,
  theta: Float64Array,
  batch: B,
  value: Float64Array,
  grad: Float64Array,
): Generator<Promise<void>, void, void> {
  const pending = density.evaluate(theta, batch, value, grad);
  if (pending) yield pending;
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
  return settle(sampler.step(state, density, batch, t));
}

async function settle(step: Step): Promise<Info> {
  for (let turn = step.next(); ; turn = step.next()) {
    if (turn.done) return turn.value;
    await turn.value;
  }
}
