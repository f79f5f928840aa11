/** Which blocked layout the convolutions of this processor have. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { block, input, writeOnnx } from '../graph/index.ts';

/** Channels of a block on AVX-512, and on AVX and NEON. */
const SIZES = [16, 8];
const CHANNELS = 16;

let known: Promise<number | undefined> | undefined;

/** Channels that lie side by side; undefined where the runtime has no such layout. Found by trial, once. */
export function blockSize(): Promise<number | undefined> {
  known ??= tried();
  return known;
}

/** Two pixels of numbered channels, in the order in which the runtime writes them. */
async function tried(): Promise<number | undefined> {
  const pixels = Float32Array.from({ length: 2 * CHANNELS }, (_, i) => i);
  const x = input('x', [1, CHANNELS, 1, 2]);
  try {
    const model = writeOnnx({ x }, { y: block(x, CHANNELS) }, { blocks: CHANNELS });
    const session = await InferenceSession.create(model, { logSeverityLevel: 4 });
    const { y } = await session.run({ x: new Tensor(pixels, x.shape) });
    await session.release();
    return SIZES.find((size) => pixels.every((_, i) => y.data[i] === channelFirst(i, size)));
  } catch {
    return;
  }
}

/** The number at place `i` of blocks of `size` channels. */
function channelFirst(i: number, size: number): number {
  const [block, within] = [Math.floor(i / (2 * size)), i % (2 * size)];
  const [pixel, channel] = [Math.floor(within / size), block * size + (within % size)];
  return 2 * channel + pixel;
}
