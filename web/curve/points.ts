/** The points of the regression room: from clicks, from a CSV file, from the address bar; and the window that shows them. */
import Papa from 'papaparse';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** More points than this do not fit the address bar, nor the patience of a browser. */
export const MOST_POINTS = 300;

const ROOMY = { x: [-5, 5], y: [-3, 3] } as const;
const MARGIN = 0.25;

export interface View {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
}

/** The usual window where it holds all points, else one around them. */
export function viewOf(points: readonly Point[]): View {
  const inside = points.every(({ x, y }) => Math.abs(x) <= ROOMY.x[1] && Math.abs(y) <= ROOMY.y[1]);
  if (inside) return ROOMY;
  const around = (values: readonly number[]): [number, number] => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const room = MARGIN * (high - low || Math.abs(high) || 1);
    return [low - room, high + room];
  };
  return { x: around(points.map(({ x }) => x)), y: around(points.map(({ y }) => y)) };
}

/**
 * The first two columns of a CSV text, with a header or without. Throws an `Error` that names the line of what is no number.
 */
export function pointsFromCsv(text: string): Point[] {
  const { data } = Papa.parse<string[]>(text.trim(), { skipEmptyLines: true });
  const numbers = (row: readonly string[]) =>
    row.slice(0, 2).map((cell) => (cell.trim() === '' ? Number.NaN : Number(cell)));
  const headed = data.length > 0 && numbers(data[0]).every(Number.isNaN);
  const rows = data.slice(headed ? 1 : 0);
  if (rows.length === 0) throw new Error('CSV: expected rows of x and y, got none. Drop another file.');
  if (rows.length > MOST_POINTS) {
    throw new Error(`CSV: expected at most ${MOST_POINTS} rows, got ${rows.length}. Drop a smaller file.`);
  }
  return rows.map((row, k) => {
    const [x, y] = numbers(row);
    if (Number.isFinite(x) && Number.isFinite(y)) return { x, y };
    const line = k + (headed ? 2 : 1);
    throw new Error(`CSV: expected two numbers in line ${line}, got '${row.slice(0, 2).join(', ')}'. Correct it.`);
  });
}

const short = (value: number) => String(Number(value.toPrecision(5)));

export const pointsToHash = (points: readonly Point[]): string =>
  points.map(({ x, y }) => `${short(x)},${short(y)}`).join(';');

/** Reads what `pointsToHash` wrote and leaves out what is no point. */
export function pointsFromHash(text: string): Point[] {
  return text
    .split(';')
    .flatMap((pair) => {
      const [x, y] = pair.split(',').map((part) => (part === '' ? Number.NaN : Number(part)));
      return Number.isFinite(x) && Number.isFinite(y) ? [{ x, y }] : [];
    })
    .slice(0, MOST_POINTS);
}
