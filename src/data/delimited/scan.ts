/** Goes through whole lines of bytes without quotes and finds the cells, without making texts of them. */
import type { Separator } from './records.ts';

/** A row of this line: cell k lies in bytes `edges[2k]` to `edges[2k + 1]`, blanks around it left out. */
export type TakeRow = (bytes: Buffer, edges: Int32Array, cells: number, line: number) => void;

const LINE_FEED = 10;
const TAB = 9;
const BLANK = 32;

export function lineScanner(separator: Separator, take: TakeRow) {
  const white = separator === ' ';
  const mark = separator.charCodeAt(0);
  let edges = new Int32Array(64);
  /** Scans `bytes` from `start` to `end`, where a line ends; the first is number `line`. Returns the number of the next. */
  return (bytes: Buffer, start: number, end: number, line: number): number => {
    let number = line;
    let at = start;
    while (at < end) {
      let cells = 0;
      let from = at;
      for (;;) {
        const byte = bytes[at++];
        if (byte !== mark && byte !== LINE_FEED && !(white && byte === TAB)) continue;
        let to = at - 1;
        while (to > from && bytes[to - 1] <= BLANK) to--;
        while (from < to && bytes[from] <= BLANK) from++;
        if (!white || to > from) {
          if (2 * cells === edges.length) edges = enlarged(edges);
          edges[2 * cells] = from;
          edges[2 * cells + 1] = to;
          cells++;
        }
        from = at;
        if (byte === LINE_FEED) break;
      }
      const blank = cells === 0 || (cells === 1 && edges[0] === edges[1]);
      if (!blank) take(bytes, edges, cells, number);
      number++;
    }
    return number;
  };
}

function enlarged(edges: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(2 * edges.length);
  larger.set(edges);
  return larger;
}
