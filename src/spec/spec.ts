/**
 * The configuration of a fit: one schema for the YAML file, the flags and the library, with every default; `settings/` has its
 * sections. `fitSchema` is also published as a JSON Schema for editors, and as docs/settings.md.
 */
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { specError } from '../errors.ts';
import { data } from './settings/data.ts';
import { model } from './settings/model.ts';
import { compute, repair, stop, storage } from './settings/running.ts';
import { sampler } from './settings/sampler.ts';
import { count, FLAGS, settingsOf } from './settings/setting.ts';
import { warmStart } from './settings/warm-start.ts';

/** The whole configuration of `smile fit`. */
export const fitSchema = z.strictObject({
  data,
  model,
  warmStart,
  sampler,
  storage,
  compute,
  stop,
  repair,
  chains: count()
    .max(10_000)
    .default(10)
    .describe('K: members of the ensemble, one chain from each.')
    .register(FLAGS, { flag: '-k, --chains <n>' }),
  seed: z
    .int()
    .nonnegative()
    .default(0)
    .describe('What all random numbers derive from.')
    .register(FLAGS, { flag: '--seed <n>' }),
});

/** Every setting with its flag. */
export const SETTINGS = settingsOf(fitSchema);

/** A complete configuration, every default filled in. */
export type FitSpec = z.output<typeof fitSchema>;
/** What a caller may write: everything has a default. */
export type FitConfig = z.input<typeof fitSchema>;

/** Checks a configuration and fills in the defaults. Throws a `SpecError` that names every wrong field. */
export function resolveSpec(config: unknown, where = 'configuration'): FitSpec {
  const parsed = fitSchema.safeParse(config);
  if (parsed.success) return parsed.data;
  throw specError(parsed.error.issues.map((issue) => `${where}: ${explain(issue)}`).join('\n'));
}

function explain(issue: z.core.$ZodIssue): string {
  const path = issue.path.join('.') || 'the top level';
  const allowed = issue.code === 'unrecognized_keys' ? ' Remove it or correct its name.' : '';
  return `${path}: ${issue.message}.${allowed}`;
}

/** Reads a YAML configuration. Errors name the line: `fit.yaml:7: sampler.thin: …`. */
export function parseYamlConfig(text: string, path: string): FitConfig {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const at = (offset: number) => `${path}:${lines.linePos(offset).line}`;
  const [fault] = document.errors;
  if (fault)
    throw specError(`${at(fault.pos[0])}: expected YAML, got ${fault.message.split('\n')[0]} Correct the line.`);
  const config = configIn(document, path);
  const parsed = fitSchema.safeParse(config);
  if (parsed.success) return config;
  const messages = parsed.error.issues.map((issue) => {
    const keys = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]] : [...issue.path];
    return `${at(offsetOf(document, keys))}: ${explain(issue)}`;
  });
  throw specError(messages.join('\n'));
}

/** Throws a `SpecError` for aliases that lead nowhere, or to more than a configuration can be. */
function configIn(document: ReturnType<typeof parseDocument>, path: string): FitConfig {
  try {
    return document.toJS() ?? {};
  } catch (cause) {
    throw specError(`${path}: expected YAML, got ${(cause as Error).message}. Write the values out.`, { cause });
  }
}

/** Where the deepest existing part of `path` stands in the document. */
function offsetOf(document: ReturnType<typeof parseDocument>, path: PropertyKey[]): number {
  for (let depth = path.length; depth > 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true) as { range?: [number, number, number] } | undefined;
    if (node?.range) return node.range[0];
  }
  return 0;
}

/** Configurations laid over each other, later ones winning, section by section. */
export function mergeConfigs(...configs: readonly FitConfig[]): FitConfig {
  const merged: Record<string, unknown> = {};
  for (const config of configs) {
    for (const [key, value] of Object.entries(config)) {
      if (value === undefined) continue;
      const section = value !== null && typeof value === 'object' && !Array.isArray(value);
      merged[key] = section ? { ...(merged[key] as object), ...value } : value;
    }
  }
  return merged as FitConfig;
}
