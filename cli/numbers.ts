/** Numbers of flags: what is none ends the command with a word, before anything is done. */
import { InvalidArgumentError } from 'commander';

/** A finite number. */
export const number = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Expected a number.');
  return value;
};

/** A whole number from `least`. */
export const wholeFrom =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < least)
      throw new InvalidArgumentError(`Expected a whole number from ${least}.`);
    return value;
  };

/** A length of time: a finite number of seconds above zero. */
export const seconds = (text: string): number => {
  const value = number(text);
  if (value <= 0) throw new InvalidArgumentError('Expected seconds above zero.');
  return value;
};
