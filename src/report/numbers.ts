/** Numbers as a report prints them. */

export const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

/** Three digits; a dash for what was not measured, words for what has no value. */
export const digits = (value: number | undefined | null) =>
  value === undefined || value === null ? '–' : Number.isNaN(value) ? 'not defined' : value.toPrecision(3);

/** A whole number, or words for none. */
export const count = (value: number) => (Number.isNaN(value) ? 'not defined' : value.toFixed(0));
