/** Colours on a terminal; none where NO_COLOR is set or output is no terminal. */
const coloured = process.stdout.isTTY === true && !process.env.NO_COLOR;
const wrap = (code: number) => (text: string) => (coloured ? `\u001b[${code}m${text}\u001b[0m` : text);

export const paint = { strong: wrap(1), faint: wrap(2), good: wrap(32), bad: wrap(31) };
