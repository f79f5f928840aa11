/** Writes what is made of the settings: schema/fit.json for editors, and the tables of docs/settings.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
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
  const sectionOf = ({ section = 'run' }: Setting) => section;
  let text = page;
  for (const section of new Set(SETTINGS.map(sectionOf))) {
    const mark = new RegExp(`(<!-- ${section} -->\n)[^]*?(<!-- end -->)`);
    if (!mark.test(text)) throw new Error(`docs/settings.md: expected a mark <!-- ${section} -->. Add it.`);
    const rows = SETTINGS.filter((setting) => sectionOf(setting) === section);
    text = text.replace(mark, (_, from, to) => from + table(rows) + to);
  }
  return text;
}

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
