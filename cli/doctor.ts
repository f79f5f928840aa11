/** `smile doctor`: what this machine has, and whether it will do. */
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { blockSize } from '../src/engine/blocks.ts';
import { type DeviceReport, inexact } from '../src/engine/devices.ts';
import { bestThreads } from '../src/engine/layout.ts';
import { DEVICES, type Device, inspectDevice } from '../src/engine/session.ts';
import { input, matmul, reduceSum } from '../src/graph/index.ts';
import { type Check, checkRedis } from '../src/queue/doctor.ts';
import { writeWhole } from '../src/store/files.ts';
import { probeDevice } from './probe.ts';
import { bytes } from './units.ts';

export function doctorCommand(): Command {
  return new Command('doctor')
    .description(
      'Check this machine: cores, memory, disk, devices for gradients and how exact they are, what a run takes of them and why, and the Redis of a queue. Exit code 2 where something is not fine.',
    )
    .option('--redis <url>', 'also check that this Redis keeps its jobs')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  $ smile doctor\n  $ smile doctor --redis redis://queue-host:6379')
    .action(async ({ redis, json }: { redis?: string; json?: boolean }) => {
      const devices: Check[] = [];
      for (const device of DEVICES)
        devices.push(judged(await (device === 'cpu' ? inspectDevice : probeDevice)(device)));
      const choices = [deviceChoice(devices), await convolutionChoice(), await threadChoice()];
      const checks = [...machine(), disk('.'), ...devices, ...choices, ...(redis ? await checkRedis(redis) : [])];
      if (json) console.log(JSON.stringify(checks, null, 2));
      else
        for (const { name, fine, finding } of checks) console.log(`${fine ? 'fine' : 'NOT FINE'}  ${name}: ${finding}`);
      if (checks.some(({ fine }) => !fine)) process.exitCode = 2;
    });
}

function machine(): Check[] {
  const cores = availableParallelism();
  return [
    { name: 'Node', fine: true, finding: `${process.version} on ${process.platform}-${process.arch}` },
    { name: 'cores', fine: true, finding: `${cores}, so ${cores} worker threads unless told otherwise` },
    { name: 'memory', fine: true, finding: `${bytes(freemem())} free of ${bytes(totalmem())}` },
  ];
}

const EXACT = 'relative errors';

/** A device that is not there is no fault, one that computes wrongly is. */
function judged(report: DeviceReport<Device>): Check {
  const name = `device ${report.device}`;
  if (report.fault) return { name, fine: report.device !== 'cpu', finding: report.fault };
  const wrong = inexact(report);
  const shown = Object.entries(report.errors)
    .map(([of, error]) => `${of} ${error.toExponential(0)}`)
    .join(', ');
  if (wrong.length === 0) return { name, fine: true, finding: `${EXACT}: ${shown}` };
  return { name, fine: false, finding: `wrong: ${wrong.join(', ')} (errors: ${shown}). Use another.` };
}

/** Which device a run takes when it is not told. */
function deviceChoice(devices: readonly Check[]): Check {
  const gpu = devices.at(-1)!;
  const there = gpu.fine && gpu.finding.startsWith(EXACT);
  const why = there
    ? 'its draws are the same to the bit on processors of its kind; --device webgpu takes the GPU'
    : 'the one there is';
  return { name: 'chosen device', fine: true, finding: `cpu, ${why}` };
}

/** In which layout convolutions on the processor run. */
async function convolutionChoice(): Promise<Check> {
  const size = await blockSize();
  const finding = size
    ? `in blocks of ${size} channels where these fill, which were tried against plain ones`
    : 'plain: the runtime has no blocks of channels here, or gets them wrong';
  return { name: 'chosen convolutions', fine: true, finding };
}

/** Rows and columns of the product that threads are tried on. */
const SIDE = 512;

/** How many threads a worker takes when it is not told. */
async function threadChoice(): Promise<Check> {
  const name = 'chosen threads';
  const cores = availableParallelism();
  if (cores < 2) return { name, fine: true, finding: '1 a worker, for want of cores' };
  const a = input('a', [SIDE, SIDE]);
  const y = reduceSum(matmul(a, a), [0, 1]);
  const { one, many } = (await bestThreads({ inputs: { a }, outputs: { y } }, cores, {}))!;
  const times = `a product of ${SIDE} × ${SIDE} matrices takes ${one.toFixed(2)} ms with one and ${many.operators!.toFixed(2)} ms with ${cores}`;
  return {
    name,
    fine: true,
    finding: `1 a worker where chains use all cores; where they are fewer, what a trial of the network finds. Here ${times}`,
  };
}

/** Writes a file the way a run does. */
function disk(folder: string): Check {
  const name = 'disk here';
  try {
    const trial = mkdtempSync(join(folder, 'smile-doctor-'));
    const began = performance.now();
    writeWhole(join(trial, 'trial'), new Uint8Array(1 << 20));
    const milliseconds = performance.now() - began;
    rmSync(trial, { recursive: true });
    const { bavail, bsize } = statfsSync(folder);
    return {
      name,
      fine: true,
      finding: `${bytes(bavail * bsize)} free; a synced megabyte takes ${milliseconds.toFixed(1)} ms`,
    };
  } catch (error) {
    return { name, fine: false, finding: `${(error as Error).message} Run where you may write.` };
  }
}
