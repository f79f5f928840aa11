/** From a text to the windows of three splits, and what is kept of the way: how it is cut into tokens. */
import { dataError } from '../../errors.ts';
import type { NamedTensor } from '../image/prepare.ts';
import type { Parts } from '../split.ts';
import type { TextFile } from './read.ts';
import { type TextRows, type Tokens, textRows } from './rows.ts';
import type { TokenCode } from './tokens.ts';

/** Stored with a run and replayed on new texts. */
export interface TextPreprocessing {
  readonly kind: 'text';
  readonly task: 'classification';
  readonly code: TokenCode;
  /** Different tokens that there can be. */
  readonly vocabulary: number;
  /** The tokens as classes: characters, or the numbers of byte pairs. */
  readonly target: { readonly name: 'token'; readonly classes: readonly string[] };
}

export interface TextFiles {
  readonly train: TextFile;
  readonly valid?: TextFile | undefined;
  readonly test?: TextFile | undefined;
}

export interface TextSplitOptions {
  /** Shares of the training file's tokens, where validation or test texts are not given. */
  readonly valid: number;
  readonly test: number;
  /** T, tokens of a window. */
  readonly length: number;
}

export interface PreparedText {
  readonly preprocessing: TextPreprocessing;
  readonly data: Parts<TextRows>;
  readonly notes: readonly string[];
}

/** The last tokens are for test, those before them for validation. Throws a `DataError` where a part is too short for windows. */
export function prepareText({ train, valid, test }: TextFiles, { length, ...shares }: TextSplitOptions): PreparedText {
  const { code, vocabulary, tokens } = train;
  const share = (of: number) => Math.round(of * tokens.length);
  const [forTest, forValid] = [test ? 0 : share(shares.test), valid ? 0 : share(shares.valid)];
  const end = tokens.length - forTest;
  const parts = { train: [0, end - forValid], valid: [end - forValid, end], test: [end, tokens.length] };
  const own: Partial<Parts<TextFile>> = { ...(valid && { valid }), ...(test && { test }) };
  const rows = (name: Part): TextRows => {
    const file = own[name];
    const [from, to] = file ? [0, file.tokens.length] : parts[name];
    return windows(file?.tokens ?? tokens, from, to, length, `${(file ?? train).source}, ${name}`);
  };
  const data = { train: rows('train'), valid: rows('valid'), test: rows('test') };
  const classes = code.tokens === 'characters' ? code.symbols : Array.from({ length: vocabulary }, (_, k) => String(k));
  const sizes = NAMES.map((name) => `${data[name].tokens.length.toLocaleString('en-US')} ${name}`).join(', ');
  return {
    preprocessing: { kind: 'text', task: 'classification', code, vocabulary, target: { name: 'token', classes } },
    data,
    notes: [
      ...[train, valid, test].flatMap((file) => (file ? file.notes.map((note) => `${file.source}: ${note}`) : [])),
      `tokens: ${sizes}; windows of ${length}`,
    ],
  };
}

const NAMES = ['train', 'valid', 'test'] as const;
type Part = keyof Parts<unknown>;

/** Windows of the tokens `from … to` of a text. Throws a `DataError` naming `where` where there is not one to move. */
export function windows(text: Tokens, from: number, to: number, length: number, where: string): TextRows {
  if (to - from < 2 * length) {
    throw dataError(
      `${where}: expected at least ${2 * length} tokens for windows of ${length}, got ${to - from}. Shorten the context, or give more text.`,
    );
  }
  return textRows({ text, from, to, length });
}

/** What a run stores: the tokens of the text once as `x`, those of a split with a text of its own as `x.NAME`, and `part.NAME` [from, to]. */
export function textTensors(data: Parts<TextRows>): Record<string, NamedTensor> {
  const tensors: Record<string, NamedTensor> = {};
  for (const name of NAMES) {
    const { text, from, to } = data[name].split;
    tensors[text === data.train.split.text ? 'x' : `x.${name}`] = { shape: [text.length], data: text };
    tensors[`part.${name}`] = { shape: [2], data: Int32Array.of(from, to) };
  }
  return tensors;
}

/** The windows of what a run stored. */
export function storedText(
  tensors: Readonly<Record<string, { readonly data: unknown }>>,
  length: number,
): Parts<TextRows> {
  const rows = (name: Part) => {
    const [from, to] = tensors[`part.${name}`].data as Int32Array;
    const text = (tensors[`x.${name}`] ?? tensors.x).data as Tokens;
    return textRows({ text, from, to, length });
  };
  return { train: rows('train'), valid: rows('valid'), test: rows('test') };
}
