/** Text drawn from the posterior predictive of a run, with what the run knows of every token. */
import type { Asked } from '../data/asked.ts';
import { ofTable } from '../data/learned.ts';
import { tokeniser } from '../data/text/tokens.ts';
import { specError } from '../errors.ts';
import { classificationAccumulator } from '../infer/classification.ts';
import { uniforms } from '../math/random.ts';
import { fold, rootKey, stream } from '../math/threefry.ts';
import { type Ensemble, predictingEnsemble } from '../spec/ensemble.ts';
import { withRun } from '../spec/opened-run.ts';

export interface GenerateOptions {
  readonly run: string;
  /** What the text begins with: at least a token. */
  readonly prompt: string;
  /** Tokens to draw. */
  readonly count: number;
  /** Default: the run's. */
  readonly seed?: number | undefined;
  readonly ensemble?: Ensemble['name'] | undefined;
}

interface GeneratedToken {
  readonly token: string;
  /** log p of the token, and the entropies of what might have been there, in nats. */
  readonly logProbability: number;
  readonly aleatoric: number;
  readonly epistemic: number;
}

export interface Generated {
  /** The prompt and the tokens that were drawn. */
  readonly text: string;
  readonly tokens: readonly GeneratedToken[];
}

/**
 * Draws each token from the mean of what all members say after those before it: the posterior predictive, token by token. Throws a
 * `SpecError` for a run of no text, and for an empty prompt.
 */
export const generate = (options: GenerateOptions): Promise<Generated> =>
  withRun(options.run, async (run) => {
    const { preprocessing, network, spec } = run;
    if (ofTable(preprocessing) || preprocessing.kind !== 'text') {
      throw specError('generate: expected a run of a text, got one of other data. Choose another run.');
    }
    const { encode, decode, vocabulary } = await tokeniser(preprocessing.code, 'prompt');
    const text = [...encode(options.prompt)];
    if (text.length === 0)
      throw specError('prompt: expected at least a token to begin with, got none. Give one with --prompt.');
    const ensemble = await predictingEnsemble(run, options.ensemble);
    const key = stream(rootKey(options.seed ?? spec.seed), 'generate');
    const chance = new Float64Array(1);
    const tokens: GeneratedToken[] = [];
    for (let i = 0; i < options.count; i++) {
      const summary = classificationAccumulator(1, vocabulary);
      const asked = nextAfter(text, network.inputs);
      for await (const { logProbability } of run.predict(asked, ensemble.members())) summary.add(logProbability);
      const { probability, logProbability, aleatoric, epistemic } = summary.result();
      uniforms(fold(key, i), chance);
      const next = drawn(probability, chance[0]);
      text.push(next);
      tokens.push({
        token: decode([next]),
        logProbability: logProbability[next],
        aleatoric: aleatoric[0],
        epistemic: epistemic[0],
      });
    }
    return { text: decode(text), tokens };
  });

/** What follows the last tokens, as many as are seen at a time: the answer of the place of the last of them. */
function nextAfter(text: readonly number[], length: number): Asked {
  const seen = text.slice(-length);
  return {
    count: 1,
    y: Float64Array.of(Number.NaN),
    rows: 1,
    places: length,
    at: () => ({ first: 1 - seen.length, skip: seen.length - 1 }),
    gather(_from, _to, x) {
      x.fill(0);
      x.set(seen);
    },
  };
}

/** The outcome at `u` in [0, 1) of the cumulative distribution. */
function drawn(probability: Float64Array, u: number): number {
  let left = u * probability.reduce((sum, p) => sum + p, 0);
  for (let k = 0; k < probability.length - 1; k++) {
    left -= probability[k];
    if (left < 0) return k;
  }
  return probability.length - 1;
}
