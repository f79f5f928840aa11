/** How a text becomes tokens: by character, with the sorted characters of the training text, or by GPT-2's byte pairs. */
import { dataError } from '../../errors.ts';
import { few } from '../names.ts';
import type { Tokens } from './rows.ts';

export const TOKENISERS = ['characters', 'gpt2'] as const;
export type TokeniserName = (typeof TOKENISERS)[number];

/** What a run keeps of it. */
export type TokenCode =
  | { readonly tokens: 'characters'; readonly symbols: readonly string[] }
  | { readonly tokens: 'gpt2' };

export interface Tokeniser {
  /** Different tokens. */
  readonly vocabulary: number;
  /** Tokens of a piece of a text. */
  encode(text: string): readonly number[];
  /** The text of tokens. */
  decode(tokens: readonly number[]): string;
}

/** What turns text into tokens as a code says. Throws a `DataError` from `encode` for a character that the code does not know. */
export async function tokeniser(code: TokenCode, source = 'text'): Promise<Tokeniser> {
  return code.tokens === 'characters' ? byCharacter(code.symbols, source) : bytePairs();
}

/** Unknown characters named in a message. */
const EXAMPLES = 5;

function byCharacter(symbols: readonly string[], source: string): Tokeniser {
  const codes = new Map(symbols.map((symbol, k) => [symbol, k]));
  return {
    vocabulary: symbols.length,
    encode(text) {
      const tokens: number[] = [];
      for (const character of text) {
        const code = codes.get(character);
        if (code === undefined)
          throw unknown(
            [...new Set(text)].filter((one) => !codes.has(one)),
            symbols.length,
            source,
          );
        tokens.push(code);
      }
      return tokens;
    },
    decode: (tokens) => tokens.map((token) => symbols[token]).join(''),
  };
}

const unknown = (characters: readonly string[], symbols: number, source: string) =>
  dataError(
    `${source}: expected the ${symbols} characters of the training text, got others: ${few(
      characters.map((one) => JSON.stringify(one)),
      EXAMPLES,
    )}. Replace them.`,
  );

async function bytePairs(): Promise<Tokeniser> {
  const { encode, decode, vocabularySize } = await import('gpt-tokenizer/encoding/r50k_base').catch(
    (cause: unknown) => {
      throw dataError('tokens: expected the package gpt-tokenizer for gpt2, got none. Run npm install gpt-tokenizer.', {
        cause,
      });
    },
  );
  return {
    vocabulary: vocabularySize,
    // What looks like a mark of its own (<|endoftext|>) is text like any other.
    encode: (text) => encode(text, { disallowedSpecial: new Set() }),
    decode: (tokens) => decode([...tokens]),
  };
}

/** Tokens in the narrowest type that holds all of a vocabulary, in memory that threads share. */
export function tokensOf(vocabulary: number, count: number): Tokens {
  const Type = vocabulary <= 256 ? Uint8Array : vocabulary <= 65_536 ? Uint16Array : Uint32Array;
  return new Type(new SharedArrayBuffer(count * Type.BYTES_PER_ELEMENT) as unknown as ArrayBuffer);
}
