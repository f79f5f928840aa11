/** A text file as tokens. It is read piece by piece: no more than a piece is held as text. */
import { dataError } from '../../errors.ts';
import { unreadable } from '../byte-reader.ts';
import { unpacked } from '../unpack.ts';
import type { Tokens } from './rows.ts';
import { type TokenCode, type TokeniserName, tokeniser, tokensOf } from './tokens.ts';

export interface TextFile {
  readonly source: string;
  readonly code: TokenCode;
  /** Different tokens that there can be. */
  readonly vocabulary: number;
  readonly tokens: Tokens;
  readonly characters: number;
  /** The first characters, to look at. */
  readonly sample: string;
  readonly notes: readonly string[];
}

export interface TextOptions {
  /** How it is cut into tokens. */
  readonly tokens: TokeniserName;
  /** Bytes that a gzipped file may unpack to. Default 1e9. */
  readonly maxUnpacked?: number | undefined;
}

const SAMPLE = 400;

/**
 * Reads and cuts a text; with `code`, that of an earlier one, as that was cut. Throws a `DataError` for what is no UTF-8, and for
 * characters that an earlier text did not have.
 */
export async function readText(
  path: string,
  { tokens: by, maxUnpacked }: TextOptions,
  earlier?: TokenCode,
): Promise<TextFile> {
  const known = new Set<string>();
  let characters = 0;
  let sample = '';
  for await (const piece of texts(path, maxUnpacked, false)) {
    if (sample.length < SAMPLE) sample = (sample + piece).slice(0, SAMPLE);
    for (const character of piece) {
      known.add(character);
      characters++;
    }
  }
  if (characters === 0) throw dataError(`${path}: expected a text, got an empty file. Check the path.`);
  const symbols = [...known].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
  const code: TokenCode = earlier ?? (by === 'gpt2' ? { tokens: 'gpt2' } : { tokens: 'characters', symbols });
  const { encode, vocabulary } = await tokeniser(code, path);
  const words = code.tokens === 'gpt2';
  let count = 0;
  if (words) for await (const piece of texts(path, maxUnpacked, words)) count += encode(piece).length;
  const tokens = tokensOf(vocabulary, words ? count : characters);
  let at = 0;
  for await (const piece of texts(path, maxUnpacked, words)) {
    const encoded = encode(piece);
    tokens.set(encoded, at);
    at += encoded.length;
  }
  const number = (n: number) => n.toLocaleString('en-US');
  const what =
    code.tokens === 'gpt2' ? `${number(at)} tokens of GPT-2's byte pairs` : `${code.symbols.length} different`;
  return {
    source: path,
    code,
    vocabulary,
    tokens,
    characters,
    sample,
    notes: [`${number(characters)} characters, ${what}`],
  };
}

/**
 * The text in pieces. Where they are to be whole `words`, each but the first begins with the white space behind a word: byte pairs never
 * reach over such a place, so that pieces are cut as the whole would be.
 */
async function* texts(path: string, most: number | undefined, words: boolean): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  try {
    for await (const piece of unpacked(path, most)) {
      rest += decoder.decode(piece, { stream: true });
      const end = words ? lastWordEnd(rest) : rest.length;
      if (end === 0) continue;
      yield rest.slice(0, end);
      rest = rest.slice(end);
    }
    rest += decoder.decode();
  } catch (cause) {
    const other = (cause as { code?: string }).code === 'ERR_ENCODING_INVALID_ENCODED_DATA';
    if (!other) throw unreadable(path, cause);
    throw dataError(`${path}: expected a text in UTF-8, got other bytes. Save it as UTF-8.`, { cause });
  }
  if (rest !== '') yield rest;
}

/** Where the last word ends that white space follows; 0 where none does. */
function lastWordEnd(text: string): number {
  const white = /\s/;
  for (let at = text.length - 1; at > 0; at--) if (white.test(text[at]) && !white.test(text[at - 1])) return at;
  return 0;
}
