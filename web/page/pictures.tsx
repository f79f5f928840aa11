/** The first held-out pictures, with what the start and the draws read in them. */
import { useEffect, useRef } from 'preact/hooks';
import { CLASSES, type Images, SIDE } from '../devices/images.ts';
import type { Met } from '../devices/session.ts';

const SHOWN = 10;

export function Pictures({ heldOut, start, mean }: { heldOut: Images; start: Met | undefined; mean: Met | undefined }) {
  return (
    <ol class="pictures" aria-label="Held-out pictures">
      {Array.from({ length: SHOWN }, (_, i) => (
        <li key={i}>
          <Picture pixels={heldOut.x.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE)} digit={heldOut.y[i]} />
          <Reading by="start" of={start} i={i} digit={heldOut.y[i]} />
          <Reading by="mean" of={mean} i={i} digit={heldOut.y[i]} />
        </li>
      ))}
    </ol>
  );
}

function Picture({ pixels, digit }: { pixels: Float32Array; digit: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    const image = new ImageData(SIDE, SIDE);
    pixels.forEach((v, at) => {
      image.data.fill(Math.round(255 * (1 - Math.min(1, Math.max(0, 0.25 + 0.55 * v)))), 4 * at, 4 * at + 3);
      image.data[4 * at + 3] = 255;
    });
    context?.putImageData(image, 0, 0);
  }, []);
  return <canvas ref={canvas} width={SIDE} height={SIDE} role="img" aria-label={`The digit ${digit}, with noise`} />;
}

function Reading({ by, of, i, digit }: { by: string; of: Met | undefined; i: number; digit: number }) {
  if (!of) return <span>{by} –</span>;
  const chances = Array.from(of.probability.subarray(i * CLASSES, (i + 1) * CLASSES));
  const read = chances.indexOf(Math.max(...chances));
  return (
    <span class={read === digit ? '' : 'error'}>
      {by} {read}, {Math.round(100 * chances[read])} %
    </span>
  );
}
