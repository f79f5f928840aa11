/**
 * Rows in the order in which a network is asked about them, and the answers that are known: one of each row, or, of windows of a text,
 * one of each token.
 */
export interface Asked {
  /** n, the answers. */
  readonly count: number;
  /** Known answers `[n]`: standardised targets, indices of classes, or tokens; NaN where none is known. */
  readonly y: Float64Array;
  /** R, the rows that a network takes for them. */
  readonly rows: number;
  /** Answers of a row. */
  readonly places: number;
  /** Index of the first answer of row r, and its leading places that an earlier row has answered. */
  at(r: number): { readonly first: number; readonly skip: number };
  /** Writes the inputs of the rows `from … to`: x `[p, to − from]`. */
  gather(from: number, to: number, x: Float32Array): void;
}

/** Rows that have one answer each. */
export const oneEach = (y: Float64Array, gather: Asked['gather']): Asked => ({
  count: y.length,
  y,
  rows: y.length,
  places: 1,
  at: (r) => ({ first: r, skip: 0 }),
  gather,
});

/** The first `count` answers, by as few rows as have them. */
export function firstOf(asked: Asked, count: number): Asked {
  if (count >= asked.count) return asked;
  let rows = Math.ceil(count / asked.places);
  while (rows > 1 && asked.at(rows - 1).first + asked.at(rows - 1).skip >= count) rows--;
  return { ...asked, count, y: asked.y.subarray(0, count), rows };
}

/** The rows `from … to` alone, with the answers that are theirs. */
export function between(asked: Asked, from: number, to: number): Asked {
  const begin = (r: number) => (r < asked.rows ? asked.at(r).first + asked.at(r).skip : asked.count);
  const [first, end] = [begin(from), begin(to)];
  return {
    count: end - first,
    y: asked.y.subarray(first, end),
    rows: to - from,
    places: asked.places,
    at(r) {
      const whole = asked.at(from + r);
      return { first: whole.first - first, skip: whole.skip };
    },
    gather: (a, b, x) => asked.gather(from + a, from + b, x),
  };
}

/** Inputs `[n × p]`, row by row, whose answers nobody knows. */
export function inputsAsked(x: Float32Array, inputs: number): Asked {
  const unknown = new Float64Array(x.length / inputs).fill(Number.NaN);
  return oneEach(unknown, (from, to, into) => {
    const size = to - from;
    for (let j = 0; j < size; j++) for (let i = 0; i < inputs; i++) into[i * size + j] = x[(from + j) * inputs + i];
  });
}
