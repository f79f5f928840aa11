/** Tries a device in a process of its own: drivers write to the terminal as they like, and some of them crash. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { DeviceReport } from '../src/engine/devices.ts';
import type { Device } from '../src/engine/session.ts';
import { processArguments } from '../src/entries.ts';

/** Milliseconds after which a driver is taken to hang. */
const PATIENCE = 120_000;

export async function probeDevice(device: Device): Promise<DeviceReport<Device>> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [...processArguments('probe'), device], {
      timeout: PATIENCE,
    });
    return JSON.parse(stdout) as DeviceReport<Device>;
  } catch (error) {
    const { code, signal, killed } = error as { code?: number; signal?: string; killed?: boolean };
    const end = killed ? 'hung' : `ended its process (${signal ?? code ?? (error as Error).message})`;
    return { device, fault: `expected its driver to answer, but it ${end}. Use another device.`, errors: {} };
  }
}
