/** Numbers in sentences. */

export const percent = (share: number): string => `${Number((100 * share).toFixed(1))} %`;

/** Four significant digits, thousands grouped. */
export const number = (value: number): string => value.toLocaleString('en', { maximumSignificantDigits: 4 });
