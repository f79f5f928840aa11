/** Which blocked layout the convolutions of this processor have. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { block, conv, gradient, input, mul, sizeOfShape, type WriteOptions, writeOnnx } from '../graph/index.ts';
import { TOLERABLE } from './devices.ts';

/** Channels of a block with AVX-512, and without. */
const SIZES = [16, 8];
const MOST = 16;

let known: Promise<number | undefined> | undefined;

/** Channels that lie side by side; undefined where the runtime has no such layout, or gets it wrong. Found by trial, once. */
export function blockSize(): Promise<number | undefined> {
  known ??= found().catch(() => undefined);
  return known;
}

async function found(): Promise<number | undefined> {
  const order = await reordered();
  const size = SIZES.find((candidate) => order.every((got, i) => got === numberAt(i, candidate)));
  if (size === undefined) return;
  const [plain, blocked] = [await convolved({}), await convolved({ blocks: size })];
  const largest = Math.max(...plain.map(Math.abs));
  return blocked.every((got, i) => Math.abs(got - plain[i]) <= TOLERABLE * largest) ? size : undefined;
}

/** Two pixels of numbered channels, in the order in which the runtime writes them. */
function reordered(): Promise<number[]> {
  const x = input('x', [1, MOST, 1, 2]);
  const model = writeOnnx({ x }, { y: block(x, MOST) }, { blocks: MOST });
  return results(model, { x: Float32Array.from({ length: 2 * MOST }, (_, i) => i) }, [1, MOST, 1, 2]);
}

/** The number at place `i` of blocks of `size` channels. */
function numberAt(i: number, size: number): number {
  const [block, within] = [Math.floor(i / (2 * size)), i % (2 * size)];
  const [pixel, channel] = [Math.floor(within / size), block * size + (within % size)];
  return 2 * channel + pixel;
}

/** A convolution of shape `[16, 16, 3, 3]` and its gradients, written so. */
function convolved(options: WriteOptions): Promise<number[]> {
  const shape = [MOST, MOST, 3, 3];
  const [x, w] = [input('x', shape), input('w', shape)];
  const y = conv(x, w, { pads: [1, 1, 1, 1] });
  const [dx, dw] = gradient(mul(y, x), [x, w]);
  const wave = (step: number) => Float32Array.from({ length: sizeOfShape(shape) }, (_, i) => Math.sin(i * step));
  return results(writeOnnx({ x, w }, { y, dx, dw }, options), { x: wave(0.7), w: wave(0.3) }, shape);
}

/** All numbers that a model gives. */
async function results(
  model: Uint8Array,
  feeds: Record<string, Float32Array>,
  shape: readonly number[],
): Promise<number[]> {
  const session = await InferenceSession.create(model, { logSeverityLevel: 4, intraOpNumThreads: 1 });
  const tensors = Object.entries(feeds).map(([name, data]) => [name, new Tensor(data, shape)]);
  const outputs = await session.run(Object.fromEntries(tensors));
  await session.release();
  return Object.values(outputs).flatMap(({ data }) => Array.from(data as Float32Array));
}
