/** Text from elsewhere as a terminal may show it. */
import { stripVTControlCharacters } from 'node:util';

/** Without escape sequences; what else would not be seen (controls, marks that turn the direction of text) becomes `?`. Lines stay. */
export const printable = (text: string): string => stripVTControlCharacters(text).replace(/[^\P{C}\n\t]/gu, '?');
