/** Lines over steps, with the ends of both axes in numbers. */
import { digits } from './fields.tsx';

const [WIDTH, HEIGHT] = [500, 220];
/** Room under the lines for the numbers of the horizontal axis. */
const FOOT = 26;

export type Points = readonly (readonly [x: number, y: number])[];

/** `level`, where given, is drawn dashed across. */
export function Trace(props: { label: string; points: Points; level?: number | undefined }) {
  const { label, points, level } = props;
  const xs = points.map(([x]) => x);
  const ys = [...points.map(([, y]) => y), ...(level === undefined ? [] : [level])];
  const [left, right] = [xs[0] ?? 0, xs.at(-1) ?? 1];
  const [low, high] = ys.length > 0 ? [Math.min(...ys), Math.max(...ys)] : [0, 1];
  const across = (x: number) => ((x - left) / (right - left || 1)) * WIDTH;
  const up = (y: number) => 28 + (HEIGHT - FOOT - 32) * (high === low ? 0.5 : (high - y) / (high - low));
  const text = (x: number, y: number, anchor: 'start' | 'end', content: string) => (
    <text x={x} y={y} text-anchor={anchor}>
      {content}
    </text>
  );
  return (
    <svg class="trace" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label} data-points={points.length}>
      <path d={`M0 ${HEIGHT - FOOT}H${WIDTH}`} stroke="var(--line)" />
      {level !== undefined && (
        <path d={`M0 ${up(level)}H${WIDTH}`} stroke="var(--flash)" stroke-width={2} stroke-dasharray="7 5" />
      )}
      <path
        d={points.map(([x, y], i) => `${i ? 'L' : 'M'}${across(x).toFixed(1)} ${up(y).toFixed(1)}`).join('')}
        fill="none"
        stroke="var(--chain)"
        stroke-width={2}
      />
      {points.length > 0 && (
        <g>
          {text(4, 20, 'start', digits(high))}
          {text(4, HEIGHT - FOOT - 6, 'start', digits(low))}
          {text(0, HEIGHT - 5, 'start', `step ${left}`)}
          {text(WIDTH, HEIGHT - 5, 'end', `step ${right}`)}
        </g>
      )}
    </svg>
  );
}
