/** What is drawn on the two stages: the density, trails, chains with their momentum, resets, and the marginals. */
import type { PlaneTarget } from '../stage/planes.ts';
import { BINS, type Truth } from '../stage/truth.ts';
import type { Frame } from './protocol.ts';

/** Colours of the page, read from its style once per theme. */
export interface Palette {
  readonly density: string;
  readonly chain: string;
  readonly flash: string;
  readonly text: string;
  readonly faint: string;
}

export function palette(element: Element): Palette {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  return {
    density: colour('--density'),
    chain: colour('--chain'),
    flash: colour('--flash'),
    text: colour('--text'),
    faint: colour('--line'),
  };
}

const DENSITY_SIDE = 160;
/** Part of a trail that fades in a frame. */
const FADE = 0.05;
/** Arrows of momentum are drawn up to so many chains; more would hide the rest. */
const ARROWS = 80;

/** The density as a picture, once per target and theme: opacity by the square root of the density. */
export function densityPicture({ density, reach }: PlaneTarget, { top }: Truth, colours: Palette): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.width = DENSITY_SIDE;
  canvas.height = DENSITY_SIDE;
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  context.fillStyle = colours.density;
  context.fillRect(0, 0, DENSITY_SIDE, DENSITY_SIDE);
  const image = context.getImageData(0, 0, DENSITY_SIDE, DENSITY_SIDE);
  const out = new Float64Array(3);
  const at = (k: number) => -reach + ((k + 0.5) * 2 * reach) / DENSITY_SIDE;
  for (let j = 0; j < DENSITY_SIDE; j++) {
    for (let i = 0; i < DENSITY_SIDE; i++) {
      density(at(i), -at(j), out);
      image.data[4 * (j * DENSITY_SIDE + i) + 3] = 255 * Math.exp(0.5 * Math.min(0, out[0] - top));
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** One stage: keeps its trails between frames. */
export class StagePainter {
  readonly #canvas: HTMLCanvasElement;
  readonly #trails = document.createElement('canvas');
  #before: Float32Array | undefined;
  #glow = new Float32Array(0);

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
  }

  /** Forgets trails and flashes. */
  clear(): void {
    this.#before = undefined;
    this.#glow = new Float32Array(0);
    this.#trails.width = 0;
  }

  draw(frame: Frame, picture: HTMLCanvasElement, reach: number, colours: Palette, trails: boolean): void {
    const side = this.#fit();
    const context = this.#canvas.getContext('2d') as CanvasRenderingContext2D;
    const place = (v: number) => ((v + reach) / (2 * reach)) * side;
    context.clearRect(0, 0, side, side);
    context.imageSmoothingEnabled = true;
    context.drawImage(picture, 0, 0, side, side);
    if (trails) {
      this.#extend(frame.positions, place, side, colours.chain);
      context.drawImage(this.#trails, 0, 0);
    }
    this.#before = frame.positions;
    this.#chains(context, frame, place, side, colours);
  }

  #fit(): number {
    const side = Math.round(this.#canvas.clientWidth * devicePixelRatio) || 300;
    if (this.#canvas.width !== side) {
      this.#canvas.width = side;
      this.#canvas.height = side;
    }
    if (this.#trails.width !== side) {
      this.#trails.width = side;
      this.#trails.height = side;
    }
    return side;
  }

  #extend(positions: Float32Array, place: (v: number) => number, side: number, colour: string): void {
    const context = this.#trails.getContext('2d') as CanvasRenderingContext2D;
    context.globalCompositeOperation = 'destination-out';
    context.fillStyle = `rgba(0, 0, 0, ${FADE})`;
    context.fillRect(0, 0, side, side);
    context.globalCompositeOperation = 'source-over';
    const before = this.#before;
    if (before?.length !== positions.length) return;
    context.strokeStyle = colour;
    context.globalAlpha = 0.5;
    context.lineWidth = side / 500;
    context.beginPath();
    for (let i = 0; i < positions.length; i += 2) {
      context.moveTo(place(before[i]), side - place(before[i + 1]));
      context.lineTo(place(positions[i]), side - place(positions[i + 1]));
    }
    context.stroke();
    context.globalAlpha = 1;
  }

  #chains(
    context: CanvasRenderingContext2D,
    { positions, velocities, flashes }: Frame,
    place: (v: number) => number,
    side: number,
    colours: Palette,
  ): void {
    const chains = flashes.length;
    const radius = side / (chains > 60 ? 220 : 150);
    if (this.#glow.length !== chains) this.#glow = new Float32Array(chains);
    context.fillStyle = colours.chain;
    context.beginPath();
    for (let c = 0; c < chains; c++) {
      const [x, y] = [place(positions[2 * c]), side - place(positions[2 * c + 1])];
      context.moveTo(x + radius, y);
      context.arc(x, y, radius, 0, 2 * Math.PI);
    }
    context.fill();
    if (chains <= ARROWS) {
      context.strokeStyle = colours.text;
      context.lineWidth = side / 450;
      context.beginPath();
      for (let c = 0; c < chains; c++) {
        const [x, y] = [place(positions[2 * c]), side - place(positions[2 * c + 1])];
        const length = side / 14;
        context.moveTo(x, y);
        context.lineTo(x + length * velocities[2 * c], y - length * velocities[2 * c + 1]);
      }
      context.stroke();
    }
    context.strokeStyle = colours.flash;
    context.lineWidth = side / 200;
    for (let c = 0; c < chains; c++) {
      this.#glow[c] = flashes[c] ? 1 : 0.85 * this.#glow[c];
      if (this.#glow[c] < 0.1) continue;
      context.globalAlpha = this.#glow[c];
      context.beginPath();
      context.arc(place(positions[2 * c]), side - place(positions[2 * c + 1]), 3 * radius, 0, 2 * Math.PI);
      context.stroke();
    }
    context.globalAlpha = 1;
  }
}

/** A marginal: bars of what was sampled, the outline of what is true; along x lying below the stage, along y standing beside it. */
export function drawMarginal(
  canvas: HTMLCanvasElement,
  along: 'x' | 'y',
  counts: Float64Array,
  truth: Float64Array,
  colours: Palette,
): void {
  const width = Math.round(canvas.clientWidth * devicePixelRatio);
  const height = Math.round(canvas.clientHeight * devicePixelRatio);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, width, height);
  // From here on the first coordinate runs along the axis and the second away from the stage.
  if (along === 'y') context.setTransform(0, -1, 1, 0, 0, height);
  const [length, depth] = along === 'x' ? [width, height] : [height, width];
  const total = counts.reduce((sum, n) => sum + n, 0);
  const scale = depth / (1.6 * Math.max(...truth));
  const step = length / BINS;
  context.fillStyle = colours.chain;
  context.globalAlpha = 0.55;
  for (let k = 0; k < BINS && total > 0; k++) context.fillRect(k * step, 0, step - 0.5, (counts[k] / total) * scale);
  context.globalAlpha = 1;
  context.strokeStyle = colours.text;
  context.lineWidth = 1.5 * devicePixelRatio;
  context.beginPath();
  for (let k = 0; k < BINS; k++) {
    context.lineTo(k * step, truth[k] * scale);
    context.lineTo((k + 1) * step, truth[k] * scale);
  }
  context.stroke();
}
