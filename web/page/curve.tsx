/** The regression room: points drawn by the visitor, a Bayesian network sampled live, the deep ensemble beside it. */
import { render } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { SAMPLER_NAMES, type SamplerName } from '../../src/samplers/registry.ts';
import {
  MOST_POINTS,
  type Point,
  pointsFromCsv,
  pointsFromHash,
  pointsToHash,
  type View,
  viewOf,
} from '../curve/points.ts';
import { LINE, MEMBERS, type Said, WARMUP } from '../curve/session.ts';
import type { CurveFrame, CurveRequest } from './curve-worker.ts';
import { Card, Choice, digits } from './fields.tsx';

/** Points to begin with: a wave with a gap in the middle. */
const EXAMPLE: readonly Point[] = Array.from({ length: 36 }, (_, k) => {
  const x = k < 20 ? -4 + 0.13 * k : 1.4 + 0.15 * (k - 20);
  return { x: Number(x.toFixed(2)), y: Number((Math.sin(1.4 * x) + 0.2 * Math.sin(7.1 * k * k)).toFixed(2)) };
});
const [WIDTH, HEIGHT] = [500, 330];

const calm = matchMedia('(prefers-reduced-motion: reduce)');
/** Networks of one hidden width are small: only samplers that take mini-batches and few settings are offered. */
const OFFERED: readonly SamplerName[] = SAMPLER_NAMES.filter((name) =>
  ['psmile', 'smile', 'psmile-naive', 'psmile-auto'].includes(name),
);

interface Wanted {
  readonly points: readonly Point[];
  readonly sampler: SamplerName;
  readonly seed: number;
}

function fromHash(): Wanted {
  const said = new URLSearchParams(location.hash.replace(/^#/, ''));
  const points = said.get('points');
  const sampler = OFFERED.find((name) => name === said.get('sampler')) ?? 'psmile';
  return {
    points: points === null ? EXAMPLE : pointsFromHash(points),
    sampler,
    seed: Math.max(0, Math.round(Number(said.get('seed') ?? 1)) || 0),
  };
}

function toHash({ points, sampler, seed }: Wanted): string {
  const said = new URLSearchParams();
  if (points !== EXAMPLE) said.set('points', pointsToHash(points));
  if (sampler !== 'psmile') said.set('sampler', sampler);
  if (seed !== 1) said.set('seed', String(seed));
  return said.toString();
}

function Room() {
  const [wanted, setWanted] = useState(fromHash);
  const [frame, setFrame] = useState<CurveFrame>();
  const [running, setRunning] = useState(!calm.matches);
  const [error, setError] = useState('');
  const worker = useRef<Worker | undefined>(undefined);
  const run = useRef(0);
  const view = useMemo(() => viewOf(wanted.points), [wanted.points]);
  const line = useMemo(
    () => Float64Array.from({ length: LINE }, (_, j) => view.x[0] + ((view.x[1] - view.x[0]) * j) / (LINE - 1)),
    [view],
  );
  const ask = (message: CurveRequest) => worker.current?.postMessage(message);

  useEffect(() => {
    worker.current = new Worker('curve-worker.js', { type: 'module' });
    worker.current.onmessage = ({ data }: MessageEvent<CurveFrame>) => {
      if (data.run === run.current) setFrame(data);
    };
  }, []);
  const start = () => {
    run.current++;
    setFrame(undefined);
    ask({ type: 'start', run: run.current, line, ...wanted });
    const hash = toHash(wanted);
    history.replaceState(null, '', hash ? `#${hash}` : location.pathname);
  };
  useEffect(start, [wanted]);
  useEffect(() => ask({ type: 'run', running }), [running]);
  useEffect(() => {
    const follow = () => setWanted(fromHash());
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);

  const setPoints = (points: readonly Point[]) => {
    setError('');
    setWanted({ ...wanted, points });
  };
  const add = (point: Point) => {
    if (wanted.points.length < MOST_POINTS) setPoints([...wanted.points, point]);
    else setError(`points: expected at most ${MOST_POINTS}. Remove some.`);
  };
  const remove = (k: number) => setPoints(wanted.points.filter((_, j) => j !== k));
  const take = async (file: File | undefined) => {
    if (!file) return;
    try {
      setPoints(pointsFromCsv(await file.text()));
    } catch (problem) {
      setError((problem as Error).message);
    }
  };

  const few = wanted.points.length < 3;
  return (
    <main
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        void take(event.dataTransfer?.files[0]);
      }}
    >
      <h1>The regression room</h1>
      <p class="intro">
        Click to add points, click a point to remove it, or drop a CSV file with two columns. On the left {MEMBERS}{' '}
        networks trained from different starts, a deep ensemble; on the right chains that sample the posterior of the
        same network from there. Where there are no points the two should not be sure. To the{' '}
        <a href="index.html">noise gallery</a>, to the <a href="devices.html">devices of this browser</a>.
      </p>
      <div class="bar">
        <button type="button" class="primary" onClick={() => setRunning(!running)}>
          {running ? 'Pause' : 'Run'}
        </button>
        <button type="button" onClick={start}>
          Restart
        </button>
        <button type="button" onClick={() => setPoints([])}>
          Clear points
        </button>
        <button type="button" onClick={() => setPoints(EXAMPLE)}>
          Example
        </button>
        <label class="file">
          CSV file
          <input
            type="file"
            accept=".csv,.txt,.data,text/csv"
            onChange={(event) => void take(event.currentTarget.files?.[0])}
          />
        </label>
        <TypedPoint onAdd={add} />
        <Choice
          label="Sampler"
          value={wanted.sampler}
          choices={OFFERED.map((name) => [name, name] as const)}
          onChange={(sampler) => setWanted({ ...wanted, sampler })}
        />
        <output class="clock" aria-label="Progress" data-phase={frame?.phase} data-draws={frame?.draws ?? 0}>
          {few ? 'three points are needed' : progress(frame)}
        </output>
        {error && (
          <span class="error" role="alert">
            {error}
          </span>
        )}
      </div>
      <div class="pair">
        <Plot
          title="Deep ensemble"
          said={frame?.deep}
          view={view}
          line={line}
          points={wanted.points}
          onAdd={add}
          onRemove={remove}
        />
        <Plot
          title="Bayesian network"
          said={frame?.bayes}
          view={view}
          line={line}
          points={wanted.points}
          onAdd={add}
          onRemove={remove}
        />
      </div>
    </main>
  );
}

function TypedPoint({ onAdd }: { onAdd: (point: Point) => void }) {
  const [text, setText] = useState('');
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const [point] = pointsFromHash(text.replaceAll(' ', ''));
        if (!point) return;
        onAdd(point);
        setText('');
      }}
    >
      <label>
        Add a point, x, y
        <input type="text" value={text} size={8} onInput={(event) => setText(event.currentTarget.value)} />
      </label>
    </form>
  );
}

function progress(frame: CurveFrame | undefined): string {
  if (!frame) return 'starting';
  const { phase, done, draws, stepSize } = frame;
  if (phase === 'training') return `training the ensemble, epoch ${done}`;
  if (phase === 'warming up') return `warming up, step ${done} of ${WARMUP}, ε ${digits(stepSize)}`;
  return `${draws.toLocaleString('en')} draws, ε ${digits(stepSize)}`;
}

/** The ends of both axes, in numbers. */
function Ticks({ view }: { view: View }) {
  const label = (x: number, y: number, anchor: 'start' | 'middle' | 'end', text: string) => (
    <text x={x} y={y} text-anchor={anchor} fill="var(--soft)" font-size={13}>
      {text}
    </text>
  );
  return (
    <g>
      {label(4, HEIGHT - 6, 'start', `x ${digits(view.x[0])}`)}
      {label(WIDTH - 4, HEIGHT - 6, 'end', digits(view.x[1]))}
      {label(4, 15, 'start', `y ${digits(view.y[1])}`)}
      {label(4, HEIGHT - 24, 'start', `y ${digits(view.y[0])}`)}
    </g>
  );
}

function Plot(props: {
  title: string;
  said: Said | undefined;
  view: View;
  line: Float64Array;
  points: readonly Point[];
  onAdd: (point: Point) => void;
  onRemove: (k: number) => void;
}) {
  const { title, said, view, line, points } = props;
  const across = (x: number) => ((x - view.x[0]) / (view.x[1] - view.x[0])) * WIDTH;
  const up = (y: number) => HEIGHT - ((y - view.y[0]) / (view.y[1] - view.y[0])) * HEIGHT;
  const path = (ys: Float64Array) =>
    Array.from(ys, (y, j) => `${j ? 'L' : 'M'}${across(line[j]).toFixed(1)} ${up(y).toFixed(1)}`).join('');
  const band =
    said &&
    `${path(said.upper)}${path(said.lower)
      .replace('M', 'L')
      .split('L')
      .slice(1)
      .reverse()
      .map((p) => `L${p}`)
      .join('')}Z`;
  const middle = said ? Math.round(said.upper.length / 2) : 0;
  const width = said ? said.upper[middle] - said.lower[middle] : Number.NaN;
  const click = (event: MouseEvent) => {
    const box = (event.currentTarget as SVGElement).getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height];
    const round = (v: number) => Number(v.toPrecision(4));
    props.onAdd({
      x: round(view.x[0] + x * (view.x[1] - view.x[0])),
      y: round(view.y[0] + y * (view.y[1] - view.y[0])),
    });
  };
  return (
    <Card title={title}>
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: a field beside it takes points by keyboard. */}
      <svg
        class="curves"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        aria-label={`${title}: curves and 90 % band over ${points.length} points`}
        data-width={width}
        data-curves={said?.curves.length ?? 0}
        onClick={click}
      >
        <path d={`M0 ${up(0)}H${WIDTH}M${across(0)} 0V${HEIGHT}`} stroke="var(--line)" />
        {band && <path d={band} fill="var(--chain)" fill-opacity={0.18} />}
        {said?.curves.map((curve) => (
          <path d={path(curve)} fill="none" stroke="var(--chain)" stroke-opacity={0.3} />
        ))}
        {said && <path d={path(said.middle)} fill="none" stroke="var(--text)" stroke-width={2} />}
        <Ticks view={view} />
        {points.map(({ x, y }, k) => (
          // biome-ignore lint/a11y/useSemanticElements: a figure holds no button element.
          <circle
            class="point"
            role="button"
            tabindex={0}
            aria-label={`remove the point at ${digits(x)}, ${digits(y)}`}
            cx={across(x)}
            cy={up(y)}
            r={5}
            fill="var(--flash)"
            onClick={(event) => {
              event.stopPropagation();
              props.onRemove(k);
            }}
            onKeyDown={(event) => event.key === 'Enter' && props.onRemove(k)}
          />
        ))}
      </svg>
      <p class="clock">
        {said ? `90 % band ${digits(width)} wide in the middle, at x = ${digits(line[middle])}` : 'nothing yet'}
      </p>
    </Card>
  );
}

render(<Room />, document.getElementById('app') as HTMLElement);
