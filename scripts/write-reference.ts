/** Writes what is made of the settings: schema/fit.json for editors, and the tables of docs/settings.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { LIKELIHOODS } from '../src/models/likelihood.ts';
import { MODEL_NAMES, MODELS } from '../src/models/registry.ts';
import { SAMPLER_NAMES, samplerRow, usualStepSize } from '../src/samplers/registry.ts';
import type { Setting } from '../src/spec/settings/setting.ts';
import { fitSchema, SETTINGS } from '../src/spec/spec.ts';

const root = resolve(import.meta.dirname, '..');

/** The text of schema/fit.json. */
export function schemaText(): string {
  const schema = { title: 'smile fit configuration', ...z.toJSONSchema(fitSchema, { io: 'input' }) };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

/** The page with its tables written anew: each stands between `<!-- name -->`, a section or `run`, and `<!-- end -->`. */
export function settingsPage(page: string): string {
  let text = page;
  for (const [name, table] of Object.entries(REGISTRIES)) text = filled(text, name, table);
  const sectionOf = ({ section = 'run' }: Setting) => section;
  for (const section of new Set(SETTINGS.map(sectionOf))) {
    const rows = SETTINGS.filter((setting) => sectionOf(setting) === section);
    text = filled(text, section, table(rows));
  }
  return text;
}

function filled(text: string, name: string, table: string): string {
  const mark = new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- end -->)`);
  if (!mark.test(text)) throw new Error(`docs/settings.md: expected a mark <!-- ${name} -->. Add it.`);
  return text.replace(mark, (_, from, to) => from + table + to);
}

const quoted = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ');

/** Tables of what has a name of its own. */
const REGISTRIES: Readonly<Record<string, string>> = {
  samplers: `| sampler | what | step size | options |\n|---|---|---|---|\n${SAMPLER_NAMES.map((name) => {
    const { about, options } = samplerRow(name);
    return `| \`${name}\` | ${about} | ${Number(usualStepSize(name).toPrecision(3))} | ${quoted(options)} |\n`;
  }).join('')}`,
  models: `| model | what | data | sizes |\n|---|---|---|---|\n${MODEL_NAMES.map((name) => {
    const { about, takes, options } = MODELS[name];
    return `| \`${name}\` | ${about} | ${takes.join(', ')} | ${quoted(Object.keys(options.shape))} |\n`;
  }).join('')}`,
  likelihoods: `| likelihood | target |\n|---|---|\n${Object.entries(LIKELIHOODS)
    .map(([name, { about }]) => `| \`${name}\` | ${about} |\n`)
    .join('')}`,
};

const table = (settings: readonly Setting[]) =>
  `| setting | values | default | flag | what |\n|---|---|---|---|---|\n${settings.map(row).join('')}`;

function row({ name, kind, usual, flag, description }: Setting): string {
  const [, told, stated] = /^(.*?)(?: Default (.*))?$/s.exec(description)!;
  const flags = flag ? `\`${flag.flag.replaceAll('|', '\\|')}\`` : '';
  const standard = usual === undefined ? (stated ?? '').replace(/\.$/, '') : `\`${JSON.stringify(usual)}\``;
  return `| \`${name}\` | ${values(z.toJSONSchema(kind, { io: 'input' }))} | ${standard} | ${flags} | ${told.replaceAll('|', '\\|')} |\n`;
}

type Json = z.core.JSONSchema.BaseSchema;

/** What a setting may be, in words. */
function values(schema: Json): string {
  if (schema.enum) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``.replace('|', '\\|')).join(', ');
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.anyOf) return (schema.anyOf as Json[]).map(values).join(', or ');
  if (schema.oneOf) return 'an object of a name and its numbers';
  if (schema.type === 'array') return list(schema);
  if (schema.type === 'boolean') return '`true`, `false`';
  if (schema.type === 'string') return 'text';
  return [schema.type === 'integer' ? 'whole number' : 'number', bounds(schema)].filter(Boolean).join(' ');
}

function list({ items, prefixItems }: Json): string {
  const each = prefixItems ? (prefixItems as Json[]).map(values) : [values(items as Json)];
  return prefixItems ? `[${each.join(', ')}]` : `list of: ${each[0]}`;
}

function bounds({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Json): string {
  const said = [
    ...(exclusiveMinimum === undefined ? [] : [`above ${exclusiveMinimum}`]),
    ...(minimum === undefined || minimum <= Number.MIN_SAFE_INTEGER ? [] : [`from ${minimum}`]),
    ...(exclusiveMaximum === undefined ? [] : [`below ${exclusiveMaximum}`]),
    ...(maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? [] : [`to ${maximum}`]),
  ];
  return said.join(', ');
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(resolve(root, 'schema/fit.json'), schemaText());
  const page = resolve(root, 'docs/settings.md');
  writeFileSync(page, settingsPage(readFileSync(page, 'utf8')));
}
