/** Progress of a fit: a line per chain and one for all, redrawn on a terminal; plain lines now and then elsewhere. All on stderr. */
import type { BlockProgress, FitEvent } from '../src/spec/records.ts';
import { chainLine, digits, meanOf, totalLine, where } from './progress-text.ts';
import { duration } from './units.ts';

/** Seconds between lines where the screen cannot be redrawn. */
const PLAIN_INTERVAL = 10;

export interface Screen {
  show(event: FitEvent): void;
  /** Leaves the last state on the screen. */
  end(): void;
}

export function progressScreen(quiet: boolean): Screen {
  if (quiet) return { show: () => {}, end: () => {} };
  return process.stderr.isTTY ? redrawn() : plain();
}

export interface ProgressLine {
  /** `share` of all work in [0, 1]; `message` is a line to keep. */
  show(share: number, message?: string): void;
  end(): void;
}

/** One line with share and ETA, redrawn on a terminal; elsewhere the messages and a line now and then. Waits `patience` seconds first. */
export function progressLine(quiet: boolean, patience = 0): ProgressLine {
  if (quiet) return { show: () => {}, end: () => {} };
  const began = performance.now();
  let shown = Number.NEGATIVE_INFINITY;
  const live = process.stderr.isTTY;
  const interval = live ? 200 : 1000 * PLAIN_INTERVAL;
  const clear = () => process.stderr.write(live ? '\r\u001b[K' : '');
  return {
    show(share, message) {
      const now = performance.now();
      if (message) {
        clear();
        console.error(message);
      }
      if (now - began < 1000 * patience || (now - shown < interval && share < 1)) return;
      shown = now;
      const left = share > 0 ? ((now - began) / 1000) * ((1 - share) / share) : Number.NaN;
      clear();
      process.stderr.write(
        `${Math.floor(100 * share)} %, ETA ${Number.isFinite(left) ? duration(left) : '–'}${live ? '' : '\n'}`,
      );
    },
    end: () => void clear(),
  };
}

function plain(): Screen {
  const latest = new Map<number, number>();
  const blocks = new Map<number, BlockProgress>();
  return {
    show(event) {
      if (event.type !== 'progress') return console.error(event.message);
      const { block } = event;
      for (const chain of block.chains) blocks.set(chain, block);
      const now = performance.now();
      const ended = block.step === block.total;
      if (!ended && now - (latest.get(block.chains[0]) ?? Number.NEGATIVE_INFINITY) < 1000 * PLAIN_INTERVAL) return;
      latest.set(block.chains[0], now);
      const { chains } = block;
      const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
      console.error(
        `${chains.length > 1 ? `chains ${chains[0]}–${chains[chains.length - 1]}` : `chain ${chains[0]}`}: ${where(block)}, LPPD ${digits(meanOf(block.lppd))}, ${sum(block.resets)} resets, ${sum(block.nonFinite)} non-finite`,
      );
      if (blocks.size > chains.length) console.error(totalLine(blocks));
    },
    end: () => {},
  };
}

function redrawn(): Screen {
  const blocks = new Map<number, BlockProgress>();
  let drawn = 0;
  const erase = () => process.stderr.write(drawn > 0 ? `\u001b[${drawn}A\u001b[J` : '');
  const draw = () => {
    const { columns = 80, rows = 24 } = process.stderr;
    const chains = [...blocks.entries()].sort(([a], [b]) => a - b);
    // What scrolls off the screen cannot be erased.
    const room = Math.max(1, rows - 3);
    const lines = chains.slice(0, room).map(([chain, block]) => chainLine(block, chain, block.chains.indexOf(chain)));
    if (chains.length > room) lines.push(`… and ${chains.length - room} more`);
    if (chains.length > 0) lines.push(totalLine(blocks));
    for (const line of lines) process.stderr.write(`${line.slice(0, columns - 1)}\n`);
    drawn = lines.length;
  };
  return {
    show(event) {
      erase();
      drawn = 0;
      if (event.type === 'progress') for (const chain of event.block.chains) blocks.set(chain, event.block);
      else console.error(event.message);
      draw();
    },
    end() {
      blocks.clear();
      drawn = 0;
    },
  };
}
