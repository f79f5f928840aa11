/**
 * The share of a step that gathering and decoding images takes: batches of bytes against the value and gradient of the network they are
 * for, interleaved in one run, CPU time. One chain.
 *
 * Command:  npx tsx bench/gather.ts
 * Cost:     under a minute. Prints the medians in milliseconds and the share.
 * Result:   docs/reproduction.md, "Gathering images".
 */
import { batchStream } from '../src/data/batches.ts';
import { imageRows } from '../src/data/image/rows.ts';
import { compile } from '../src/engine/session.ts';
import { rootKey, stream } from '../src/math/threefry.ts';
import { lenet } from '../src/models/lenet.ts';
import { likelihood } from '../src/models/likelihood.ts';
import { bayesianNetwork, initial, posteriorGraph } from '../src/models/posterior.ts';
import { resnet7 } from '../src/models/resnet.ts';

const [ROWS, BATCH, CLASSES, ROUNDS] = [2000, 64, 10, 15];
const key = rootKey(1);

const milliseconds = ({ user, system }: NodeJS.CpuUsage) => (user + system) / 1000;
const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

for (const [name, make, shape] of [
  ['lenet', lenet, [1, 28, 28]],
  ['resnet7', resnet7, [3, 32, 32]],
] as const) {
  const inputs = shape[0] * shape[1] * shape[2];
  const pixels = Uint8Array.from({ length: ROWS * inputs }, (_, i) => (i * 2654435761) >>> 24);
  const labels = Uint8Array.from({ length: ROWS }, (_, i) => i % CLASSES);
  const each = (value: number) => Array.from({ length: shape[0] }, () => value);
  const source = imageRows({
    set: { shape, pixels, labels },
    index: Int32Array.from(labels.keys()),
    shift: each(128),
    scale: each(1 / 64),
    classes: CLASSES,
  });
  const network = bayesianNetwork(make({ input: shape, classes: CLASSES }), likelihood('softmax', CLASSES), inputs);
  const batches = batchStream(source, [stream(key, 'batch')], BATCH);
  const graph = await compile(posteriorGraph(network, 1, BATCH, { priorScale: 1, factor: batches.factor }));
  const theta = initial(network, key);
  const times: { gather: number[]; step: number[] } = { gather: [], step: [] };
  for (let t = 0; t < ROUNDS; t++) {
    const before = process.cpuUsage();
    const batch = batches.at(t);
    times.gather.push(milliseconds(process.cpuUsage(before)));
    const between = process.cpuUsage();
    await graph.run({ theta, ...batch });
    times.step.push(milliseconds(process.cpuUsage(between)));
  }
  const share = median(times.gather.map((gather, t) => gather / (gather + times.step[t])));
  console.log(
    `${name}: gathering ${median(times.gather).toFixed(2)} ms, value and gradient ${median(times.step).toFixed(1)} ms, ` +
      `share ${(100 * share).toFixed(2)} % (batch ${BATCH}, ${ROUNDS} rounds)`,
  );
}
