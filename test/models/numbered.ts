import type { Model } from '../../src/models/model.ts';

/** A model whose parameters are called 10, 9, …: names that an object lists in an order of its own. */
export function numbered({ parameters, forward, ...rest }: Model): Model {
  const names = parameters.map(({ name }, i) => [name, String(10 - i)] as const);
  return {
    ...rest,
    parameters: parameters.map((parameter, i) => ({ ...parameter, name: String(10 - i) })),
    forward: (given, x) => forward(Object.fromEntries(names.map(([name, number]) => [name, given[number]])), x),
  };
}
