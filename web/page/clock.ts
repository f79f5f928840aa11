/** Both samplers on one clock: gradients. Neither is asked on before the other has answered. */
import type { Settings } from '../stage/settings.ts';
import type { Frame, Reply, Request, SideName } from './protocol.ts';

export interface Pictures {
  /** Which start they belong to; older ones are of other settings. */
  readonly run: number;
  readonly left?: Frame;
  readonly right?: Frame;
}

const SIDES = ['left', 'right'] as const;
/** Seconds of clock that a late frame may at most make up for. */
const LONGEST_FRAME = 0.05;

export class Clock {
  running = false;
  /** Gradients per second and chain. */
  speed = 0;
  gradients = 0;
  /** Positions of all planes of all chains, for whoever wants to compare bits. */
  readonly theta: Partial<Record<SideName, Float64Array>> = {};
  readonly #workers: Record<SideName, Worker>;
  readonly #frames: { left?: Frame; right?: Frame } = {};
  readonly #onFrames: (frames: Pictures) => void;
  readonly #onError: (message: string) => void;
  #waiting = 0;
  #run = 0;
  #then = 0;

  constructor(onFrames: (frames: Pictures) => void, onError: (message: string) => void) {
    this.#onFrames = onFrames;
    this.#onError = onError;
    const worker = () => new Worker('worker.js', { type: 'module' });
    this.#workers = { left: worker(), right: worker() };
    for (const side of SIDES) {
      this.#workers[side].onmessage = ({ data }: MessageEvent<Reply>) => this.#receive(side, data);
    }
    requestAnimationFrame(this.#tick);
  }

  get run(): number {
    return this.#run;
  }

  /** Starts both sides anew. */
  start(settings: Settings): void {
    this.#run++;
    this.gradients = 0;
    this.speed = settings.speed;
    this.#ask((side) => ({ type: 'start', run: this.#run, settings, side }));
  }

  /** Runs to that many gradients at once. */
  jump(gradients: number): void {
    this.gradients = Math.max(this.gradients, gradients);
    this.#ask(() => ({ type: 'advance', gradients: this.gradients }));
  }

  #ask(message: (side: SideName) => Request): void {
    for (const side of SIDES) {
      this.#waiting++;
      this.#workers[side].postMessage(message(side));
    }
  }

  #receive(side: SideName, data: Reply): void {
    this.#waiting--;
    if (data.run !== this.#run) return;
    if (data.type === 'error') {
      this.running = false;
      this.#onError(data.message);
      return;
    }
    this.#frames[side] = data.frame;
    this.theta[side] = data.theta;
    if (this.#waiting === 0) this.#onFrames({ run: this.#run, ...this.#frames });
  }

  readonly #tick = (now: number): void => {
    const elapsed = Math.min(LONGEST_FRAME, (now - this.#then) / 1000);
    this.#then = now;
    if (this.running && this.#waiting === 0) this.jump(this.gradients + this.speed * elapsed);
    requestAnimationFrame(this.#tick);
  };
}
