/** The devices page's worker: tries the devices, then samples LeNet on the faster of those that are exact. */
import { type BrowserDevice, compile, DEVICES, inspectDevice } from '../../src/engine/browser.ts';
import { type DeviceReport, inexact } from '../../src/engine/devices.ts';
import type { Images } from '../devices/images.ts';
import { type ImagePhase, type ImageSession, imageSession, type Met } from '../devices/session.ts';

export type DevicesRequest = { readonly type: 'sample' } | { readonly type: 'run'; readonly running: boolean };

export type DevicesReply =
  | { readonly type: 'device'; readonly report: DeviceReport<BrowserDevice>; readonly wrong: readonly string[] }
  | { readonly type: 'speed'; readonly device: BrowserDevice; readonly perSecond: number }
  | { readonly type: 'sampling'; readonly device: BrowserDevice; readonly heldOut: Images }
  | { readonly type: 'frame'; readonly frame: Frame }
  | { readonly type: 'error'; readonly message: string };

export interface Frame {
  readonly phase: ImagePhase;
  readonly steps: number;
  readonly draws: number;
  readonly logDensity: number;
  /** Gradients a second since the last frame. */
  readonly perSecond: number;
  readonly start: Met | undefined;
  readonly mean: Met | undefined;
}

const SEED = 1;
/** Milliseconds that the gradients of a device are timed for, and between two frames. */
const TRIAL = 500;
const FRAME_EVERY = 200;

const reports: DeviceReport<BrowserDevice>[] = [];
let session: ImageSession | undefined;
let running = true;
let working = false;

const reply = (message: DevicesReply) => postMessage(message);

async function tryDevices(): Promise<void> {
  for (const device of DEVICES) {
    const report = await inspectDevice(device);
    reports.push(report);
    reply({ type: 'device', report, wrong: inexact(report) });
  }
}

/** A session on the device with the most gradients a second; those that are not exact are not asked. */
async function fastest(): Promise<ImageSession> {
  let best: { readonly made: ImageSession; readonly device: BrowserDevice; readonly perSecond: number } | undefined;
  for (const { device } of reports.filter((report) => !report.fault && inexact(report).length === 0)) {
    const made = await imageSession((graph) => compile(graph, { device }), SEED);
    const perSecond = await made.rate(TRIAL);
    reply({ type: 'speed', device, perSecond });
    if (perSecond > (best?.perSecond ?? 0)) {
      await best?.made.release();
      best = { made, device, perSecond };
    } else await made.release();
  }
  if (!best) throw new Error('devices: expected one that computes exactly, got none. Use another browser.');
  reply({ type: 'sampling', device: best.device, heldOut: best.made.heldOut });
  return best.made;
}

/** Samples until it is told to stop; between frames it listens. */
async function work(): Promise<void> {
  if (working || !session) return;
  working = true;
  while (running) {
    const [began, before] = [performance.now(), session.gradients];
    while (performance.now() - began < FRAME_EVERY) await session.advance();
    const perSecond = (1000 * (session.gradients - before)) / (performance.now() - began);
    const { phase, steps, draws, logDensity, start, mean } = session;
    reply({ type: 'frame', frame: { phase, steps, draws, logDensity, perSecond, start, mean } });
    await new Promise((listen) => setTimeout(listen));
  }
  working = false;
}

const said = (error: unknown) => reply({ type: 'error', message: (error as Error).message });
const tried = tryDevices();
tried.catch(said);

addEventListener('message', async ({ data }: MessageEvent<DevicesRequest>) => {
  try {
    if (data.type === 'run') running = data.running;
    else {
      await tried;
      session = await fastest();
    }
    await work();
  } catch (error) {
    said(error);
  }
});
