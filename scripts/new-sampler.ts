/** `npm run new-sampler NAME`: a sampler to begin with, its row in the registry and its tests. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const camel = (name: string) => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());

const source = (name: string) => `/** TODO: what it is, and whose (author year). */
import { normals } from '../math/random.ts';
import type { Sampler } from '../types.ts';
import { stepKey, gradientSampler } from './chain.ts';

export interface ${pascal(name)}Options {
  /** ε > 0. */
  readonly stepSize: number;
}

/** TODO: the step as a formula. This one is θ ← θ + εĝ + √(2ε) n. */
export function ${camel(name)}({ stepSize = 1e-4 }: Partial<${pascal(name)}Options> = {}): Sampler {
  return gradientSampler({
    name: '${name}',
    stepSize,
    init: () => ({}),
    move({ theta, keys, stepSize: epsilon }, c, d, t, gradient, z) {
      const at = c * d;
      normals(stepKey(keys, c, 'noise', t), z, at, d);
      for (let i = at; i < at + d; i++) theta[i] += epsilon[c] * gradient[i] + Math.sqrt(2 * epsilon[c]) * z[i];
    },
  }) as Sampler;
}
`;

const pascal = (name: string) => camel(`-${name}`);
const key = (name: string) => (/^\w+$/.test(name) ? name : `'${name}'`);

const row = (name: string) => `  ${key(name)}: {
    about: 'TODO: what it is, in a line',
    options: [],
    stepSize: 1e-6,
    make: (o) => ${camel(name)}(o),
  },
`;

const test = (name: string) => `/** ${name} against what is known in closed form. */
import { expect, it } from 'vitest';
import { rootKey } from '../../src/math/threefry.ts';
import { SAMPLERS } from '../../src/samplers/registry.ts';
import { gaussian, run } from './targets.ts';

it('${name} has the variance 1/(1 − ε/2) on a standard normal', () => {
  const [chains, steps, stepSize] = [200, 1000, 0.2];
  const keys = Array.from({ length: chains }, (_, c) => rootKey(c));
  const sampler = SAMPLERS${/^\w+$/.test(name) ? `.${name}` : `['${name}']`}({ stepSize });
  const state = sampler.init(new Float64Array(chains), keys);
  let square = 0;
  run(sampler, state, gaussian([1]), () => undefined, steps, (_, t) => {
    if (t >= 100) for (const x of state.theta) square += x ** 2 / (chains * (steps - 100));
  });
  // 180,000 draws with an autocorrelation time of 4.6 for θ²: a standard error of 0.008.
  expect(Math.abs(square - 1 / (1 - stepSize / 2))).toBeLessThan(0.03);
});
`;

/** Writes all of it below `root`. Throws for a name that is taken or is none. */
export function newSampler(root: string, name: string): string[] {
  const path = `src/samplers/${name}.ts`;
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) || existsSync(join(root, path)))
    throw new Error(`new-sampler: expected a new name such as my-sampler, got '${name}'. Choose another.`);
  const edit = (file: string, ...changes: readonly (readonly [before: string, added: string])[]) => {
    let text = readFileSync(join(root, file), 'utf8');
    for (const [before, added] of changes) {
      if (!text.includes(before))
        throw new Error(`${file}: expected '${before}', got none. Mend scripts/new-sampler.ts.`);
      text = text.replace(before, added + before);
    }
    writeFileSync(join(root, file), text);
    return file;
  };
  writeFileSync(join(root, path), source(name));
  writeFileSync(join(root, `test/samplers/${name}.test.ts`), test(name));
  return [
    path,
    edit(
      'src/samplers/registry.ts',
      ['import type { SamplerOption }', `import { ${camel(name)} } from './${name}.ts';\n`],
      ['} satisfies Record<string, SamplerRow>', row(name)],
    ),
    `test/samplers/${name}.test.ts`,
    edit(
      'test/samplers/conformance.test.ts',
      ['};\n/** Bias of Var', `  ${key(name)}: { stepSize: 0.01 },\n`],
      ['};\n\nconst keysOf', `  ${key(name)}: 0.006,\n`],
    ),
  ];
}

if (process.argv[1] === import.meta.filename) {
  const written = newSampler(resolve(import.meta.dirname, '..'), process.argv[2] ?? '');
  console.log(`written: ${written.join(', ')}\nnext: npm run format, npm run reference, npx vitest run test/samplers`);
}
