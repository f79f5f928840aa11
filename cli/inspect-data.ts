/** What `smile inspect DATA` says of tables, images and texts. */
import type { ImageFile } from '../src/data/image/file.ts';
import { imagesText } from '../src/data/image/prepare.ts';
import { thumbnailSheet } from '../src/data/image/sheet.ts';
import { type Kind, recognise } from '../src/data/kinds.ts';
import { few } from '../src/data/names.ts';
import { readColumn } from '../src/data/table/column.ts';
import { readTable } from '../src/data/table/read.ts';
import type { Table } from '../src/data/table/table.ts';
import { readText } from '../src/data/text/read.ts';
import type { TokeniserName } from '../src/data/text/tokens.ts';
import { specError } from '../src/errors.ts';
import { writeWhole } from '../src/store/files.ts';

export interface DataFlags {
  readonly kind: Kind | 'auto';
  readonly tokens: TokeniserName;
  readonly imageSize?: readonly [number, number];
  readonly sheet?: string;
}

/** Facts of a data set as JSON, of which `dataText` makes lines. */
export async function inspectData(path: string, { kind, tokens, imageSize, sheet }: DataFlags) {
  const found = await recognise(path, kind);
  if (sheet !== undefined && found.kind !== 'image')
    throw specError(`--sheet: expected images, got ${found.about}. Leave it out.`);
  const about = { source: path, kind: found.kind, about: found.about };
  if (found.kind === 'text') {
    const { notes, sample, characters, vocabulary, tokens: all } = await readText(path, { tokens });
    return { ...about, characters, tokens: all.length, vocabulary, notes, sample };
  }
  if (found.kind !== 'image') return { ...about, ...tableFacts(await readTable(path)) };
  const file = await found.format.read(path, { size: imageSize });
  if (sheet !== undefined) writeWhole(sheet, await thumbnailSheet(file));
  const test = found.format.test(path);
  const offered = test === undefined ? [] : [`official test images: --test ${test}`];
  return {
    ...about,
    ...imageFacts(file),
    notes: [...file.notes, ...offered, ...(sheet ? [`thumbnails in ${sheet}`] : [])],
  };
}

function imageFacts(file: ImageFile) {
  const { labels, classes, shape, pixels } = file;
  const counts = new Array<number>(classes.length).fill(0);
  for (const label of labels) counts[label]++;
  let [least, most] = [255, 0];
  for (const value of pixels) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return {
    rows: labels.length,
    shape,
    summary: imagesText(file),
    classes: Object.fromEntries(classes.map((name, k) => [name, counts[k]])),
    range: [least, most],
  };
}

function tableFacts(table: Table) {
  const columns = table.names.map((name, j) => {
    const { column } = readColumn(table, j);
    if (column.kind === 'categorical')
      return { name, kind: 'categorical' as const, levels: column.levels.length, examples: column.levels.slice(0, 5) };
    let [least, most, missing] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
    for (const value of column.values) {
      if (Number.isNaN(value)) missing++;
      if (value < least) least = value;
      if (value > most) most = value;
    }
    return { name, kind: 'numeric' as const, range: [least, most], missing };
  });
  return { rows: table.rows, columns, notes: table.notes };
}

/** The facts in lines. */
export function dataText(facts: Awaited<ReturnType<typeof inspectData>>): string {
  const { source, about, notes } = facts;
  const lines = [`${source}: ${about}`];
  if ('summary' in facts) {
    const { summary, range, classes } = facts;
    lines.push(`${summary}, values ${range[0]} to ${range[1]}`);
    const counts = Object.entries(classes).map(([name, count]) => `${name} (${count})`);
    lines.push(`${counts.length} classes: ${few(counts, 20)}`);
  }
  if ('columns' in facts) {
    for (const column of facts.columns) {
      const what =
        column.kind === 'numeric'
          ? `numbers ${column.range.join(' to ')}${column.missing > 0 ? `, ${column.missing} missing` : ''}`
          : `${column.levels} categories: ${column.examples.join(', ')}${column.levels > column.examples.length ? ', …' : ''}`;
      lines.push(`  ${column.name.padEnd(16)} ${what}`);
    }
  }
  lines.push(...notes.map((note) => `- ${note}`));
  if ('sample' in facts) lines.push('', facts.sample.trimEnd());
  return lines.join('\n');
}
