/**
 * Draws docs/demo.svg, the picture of the README, from the demo's run: npx tsx scripts/readme-figure.ts
 * (after `npm run demo`).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { predict } from '../src/answers/predict.ts';
import { demoTruth } from '../src/data/demo.ts';

const run = 'smile-runs/demo/run';
const grid = Array.from({ length: 121 }, (_, i) => -4 + (8 * i) / 120);
const { rows } = await predict({ run, data: grid.map((x) => ({ x })), quantiles: [0.05, 0.25, 0.75, 0.95] });
const curve = grid.map((x, i) => ({ ...rows[i], x, truth: demoTruth.mean(x) }));
const points = readFileSync('smile-runs/demo/data.csv', 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => line.split(',').map(Number));

const { document } = parseHTML('<!doctype html><html><body></body></html>');
const blue = '#3366aa';
const figure = Plot.plot({
  document: document as unknown as NonNullable<Plot.PlotOptions['document']>,
  width: 760,
  height: 400,
  style: { fontSize: '13px', background: 'white', color: '#222222', fontFamily: 'sans-serif' },
  x: { label: 'x' },
  y: { label: 'y', grid: true },
  marks: [
    Plot.areaY(curve, { x: 'x', y1: 'q0.05', y2: 'q0.95', fill: blue, fillOpacity: 0.18 }),
    Plot.areaY(curve, { x: 'x', y1: 'q0.25', y2: 'q0.75', fill: blue, fillOpacity: 0.28 }),
    Plot.dot(points, { x: '0', y: '1', r: 1.4, fill: '#555555' }),
    Plot.lineY(curve, { x: 'x', y: 'truth', stroke: '#222222', strokeDasharray: '5,4' }),
    Plot.lineY(curve, { x: 'x', y: 'mean', stroke: blue, strokeWidth: 2 }),
  ],
});
figure.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
writeFileSync('docs/demo.svg', `${figure.outerHTML}\n`);
