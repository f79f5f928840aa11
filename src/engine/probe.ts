/** Entry of a process of its own that tries a device: `node probe.js webgpu` prints its report as JSON. */
import { type Device, inspectDevice } from './session.ts';

console.log(JSON.stringify(await inspectDevice(process.argv[2] as Device)));
