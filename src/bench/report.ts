/** Results of the analytic benchmark as a line, as Markdown and as a figure per target. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { BenchTarget } from '../targets/registry.ts';
import type { CellResult } from './cell.ts';

const short = (value: number): string => (value >= 0.0995 && value < 1000 ? value.toFixed(2) : value.toPrecision(2));
const noiseName = ({ noise }: CellResult): string =>
  noise.source === 'injected' ? `${noise.structure}, ${noise.law}` : noise.structure;

/** One finished cell in a line. */
export function cellLine(cell: CellResult): string {
  const { target, method, median, interval, paper, nullScore } = cell;
  const beside = paper ? `, paper ${paper[0]}` : '';
  return `${target} ${noiseName(cell)} ${method}: b² ${short(median)} (${interval.map(short).join('–')})${beside}, null ${short(nullScore)}`;
}

/** A verdict in a word or two; b² of a chain that never moved is no success, however it compares. */
function verdict({ median, nullScore, paper, nonFinite }: CellResult): string {
  if (nonFinite > 0) return 'unstable';
  if (!(median < 0.5 * nullScore)) return 'no better than not moving';
  if (median <= 0.01) return 'good';
  if (!paper) return 'biased';
  return median <= paper[0] ? 'biased, not worse than the paper' : 'worse than the paper';
}

/** The table of all cells. */
export function cellsMarkdown(cells: readonly CellResult[]): string {
  const [first] = cells;
  if (!first) return 'no cell was finished';
  const paperWay = first.protocol === 'paper';
  const ours = paperWay ? 'mean ± sd of b²' : 'median b² (95 %)';
  const rows = cells.map((cell) => {
    const value = paperWay
      ? `${short(cell.mean)} ± ${short(cell.deviation)}`
      : `${short(cell.median)} (${cell.interval.map(short).join('–')})`;
    const paper = cell.paper ? `${cell.paper[0]} ± ${cell.paper[1]}` : '';
    return `| ${cell.target} | ${noiseName(cell)} | ${cell.method} | ${value} | ${paper} | ${short(cell.nullScore)} | ${cell.stepSize.toPrecision(2)} | ${cell.essPerThousandGradients.toPrecision(2)} | ${cell.moved.toPrecision(2)} | ${cell.nonFinite} | ${verdict(cell)} |`;
  });
  return [
    `| target | noise | method | ${ours} | paper | null | ε | ESS per 1000 gradients | moved per step | non-finite | verdict |`,
    '|---|---|---|---|---|---|---|---|---|---|---|',
    ...rows,
    '',
    `${first.replications} replications, ${first.gradients.toExponential(0)} gradients each, protocol: ${first.protocol}.`,
  ].join('\n');
}

/** Every replication's b² by method, a panel per noise; lines at the null score and at 0.01. */
export function targetFigure(target: BenchTarget, cells: readonly CellResult[]): string {
  const shown = cells.filter((cell) => cell.target === target);
  const label = new Map(shown.map((cell) => [cell, noiseName(cell)]));
  const points = shown.flatMap((cell) =>
    cell.biases.filter(Number.isFinite).map((bias) => ({ bias, method: cell.method, noise: label.get(cell) })),
  );
  const medians = shown.map((cell) => ({ bias: cell.median, method: cell.method, noise: label.get(cell) }));
  const methods = [...new Set(shown.map(({ method }) => method))];
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const figure = Plot.plot({
    document: document as unknown as NonNullable<Plot.PlotOptions['document']>,
    width: 900,
    height: 60 + 26 * methods.length * new Set(label.values()).size,
    marginLeft: 130,
    marginRight: 90,
    style: { fontSize: '12px', background: 'white', color: '#222222', fontFamily: 'sans-serif' },
    x: {
      type: 'log',
      label: `b² on ${target} (a dot per replication, bars: medians)`,
      grid: true,
      domain: [1e-4, 2],
      clamp: true,
    },
    y: { domain: methods, label: null },
    fy: { label: null, domain: [...new Set(label.values())] },
    marks: [
      Plot.ruleX([0.01], { stroke: '#2a7a3b', strokeDasharray: '4,3' }),
      Plot.ruleX([shown[0].nullScore], { stroke: '#b03030' }),
      Plot.dot(points, { x: 'bias', y: 'method', fy: 'noise', r: 2, fill: '#3366aa', fillOpacity: 0.45 }),
      Plot.tickX(medians, { x: 'bias', y: 'method', fy: 'noise', stroke: '#222222', strokeWidth: 2 }),
    ],
  });
  figure.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  return `${figure.outerHTML}\n`;
}
