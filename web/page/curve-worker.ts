/** The regression room's worker: works in short portions, so that it hears when the points change. */

import type { SamplerName } from '../../src/samplers/registry.ts';
import type { Point } from '../curve/points.ts';
import { type CurvePhase, type CurveSession, curveSession, type Said } from '../curve/session.ts';

export type CurveRequest =
  | {
      readonly type: 'start';
      readonly run: number;
      readonly points: readonly Point[];
      readonly line: Float64Array;
      readonly sampler: SamplerName;
      readonly seed: number;
    }
  | { readonly type: 'run'; readonly running: boolean };

export interface CurveFrame {
  readonly run: number;
  readonly phase: CurvePhase;
  readonly done: number;
  readonly draws: number;
  readonly stepSize: number;
  readonly deep: Said;
  readonly bayes: Said | undefined;
}

const PORTION = 20;
const FRAME_EVERY = 200;

let session: CurveSession | undefined;
let run = 0;
let running = true;
let told = 0;
let scheduled = false;

function tick(): void {
  scheduled = false;
  if (!session || !running) return;
  session.work(PORTION);
  const now = performance.now();
  if (now - told > FRAME_EVERY) {
    told = now;
    const { phase, done, draws, stepSize } = session;
    postMessage({ run, phase, done, draws, stepSize, ...session.said() } satisfies CurveFrame);
  }
  schedule();
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  setTimeout(tick);
}

addEventListener('message', ({ data }: MessageEvent<CurveRequest>) => {
  if (data.type === 'run') running = data.running;
  else {
    run = data.run;
    told = 0;
    session = data.points.length < 3 ? undefined : curveSession(data.points, data.line, data);
  }
  schedule();
});
