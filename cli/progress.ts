/** Progress of a fit: a line per chain redrawn on a terminal, a plain line now and then elsewhere. All on stderr. */
import type { BlockProgress, FitEvent } from '../src/run/events.ts';

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
      process.stderr.write(`${Math.floor(100 * share)} %, ETA ${duration(left)}${live ? '' : '\n'}`);
    },
    end: () => void clear(),
  };
}

function plain(): Screen {
  const latest = new Map<number, number>();
  return {
    show(event) {
      if (event.type !== 'progress') return console.error(event.message);
      const { block } = event;
      const now = performance.now();
      const ended = block.step === block.total;
      if (!ended && now - (latest.get(block.chains[0]) ?? Number.NEGATIVE_INFINITY) < 1000 * PLAIN_INTERVAL) return;
      latest.set(block.chains[0], now);
      const { chains } = block;
      const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
      console.error(
        `chains ${chains[0]}–${chains[chains.length - 1]}: ${where(block)}, LPPD ${shown(meanOf(block.lppd))}, ${sum(block.resets)} resets, ${sum(block.nonFinite)} non-finite`,
      );
    },
    end: () => {},
  };
}

function redrawn(): Screen {
  const lines = new Map<number, string>();
  let drawn = 0;
  const erase = () => process.stderr.write(drawn > 0 ? `\u001b[${drawn}A\u001b[J` : '');
  const draw = () => {
    const columns = process.stderr.columns ?? 100;
    const ordered = [...lines.entries()].sort(([a], [b]) => a - b).map(([, line]) => line.slice(0, columns - 1));
    for (const line of ordered) process.stderr.write(`${line}\n`);
    drawn = ordered.length;
  };
  return {
    show(event) {
      erase();
      drawn = 0;
      if (event.type === 'progress') {
        event.block.chains.forEach((chain, c) => {
          lines.set(chain, chainLine(event.block, chain, c));
        });
      } else console.error(event.message);
      draw();
    },
    end() {
      lines.clear();
      drawn = 0;
    },
  };
}

/** Mean of what is known. */
function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? known.reduce((a, b) => a + b, 0) / known.length : null;
}

const shown = (value: number | null): string => value?.toPrecision(3) ?? '–';

function chainLine(block: BlockProgress, chain: number, c: number): string {
  const { phase, value, stepSize, energyError, lppd, resets, nonFinite } = block;
  const detail =
    phase === 'warm start'
      ? `validation loss ${value[c].toFixed(3)}`
      : `ε ${stepSize[c].toPrecision(3)}  |ΔE|/√d ${shown(energyError[c])}  LPPD ${shown(lppd[c])}  resets ${resets[c]}  non-finite ${nonFinite[c]}`;
  return `chain ${String(chain).padStart(3)}  ${where(block).padEnd(44)}  ${detail}`;
}

/** Phase, step, share and the time that this phase still needs at its present speed. */
function where({ phase, step, total, first, seconds }: BlockProgress): string {
  const left = step > first ? (seconds / (step - first)) * (total - step) : Number.NaN;
  const eta = step >= total ? 'done' : `ETA ${duration(left)}`;
  return `${phase} ${step}/${total} (${Math.floor((100 * step) / total)} %) ${eta}`;
}

function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  const whole = Math.ceil(seconds);
  const minutes = Math.floor(whole / 60);
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}
