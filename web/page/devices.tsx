/** What can this browser compute? Its devices tried, and the posterior of LeNet sampled on one of them. */
import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { BrowserDevice } from '../../src/engine/browser.ts';
import type { Images } from '../devices/images.ts';
import { BATCH, DIMENSION, HELD_OUT, SAMPLER, TRAINED, TRAINING, WARMUP } from '../devices/settings.ts';
import type { DevicesReply, DevicesRequest, Frame } from './devices-worker.ts';
import { Card, digits } from './fields.tsx';
import { Pictures } from './pictures.tsx';
import { type Points, Trace } from './trace.tsx';

const NAMES: Readonly<Record<BrowserDevice, string>> = {
  wasm: 'Processor (WebAssembly)',
  webgpu: 'GPU (WebGPU)',
};
/** Points of a line; beyond, every other one goes. */
const MOST_POINTS = 400;

type Told = Extract<DevicesReply, { type: 'device' }>;
type Reports = Partial<Record<BrowserDevice, Told>>;
type Rates = Partial<Record<BrowserDevice, number>>;

const whole = (value: number) => Math.round(value).toLocaleString('en');
const longer = (points: Points, x: number, y: number): Points => [
  ...(points.length < MOST_POINTS ? points : points.filter((_, i) => i % 2 === 0)),
  [x, y],
];

function Page() {
  const [reports, setReports] = useState<Reports>({});
  const [rates, setRates] = useState<Rates>({});
  const [asked, setAsked] = useState(false);
  const [running, setRunning] = useState(true);
  const [sampled, setSampled] = useState<{ device: BrowserDevice; heldOut: Images }>();
  const [frame, setFrame] = useState<Frame>();
  const [densities, setDensities] = useState<Points>([]);
  const [accuracies, setAccuracies] = useState<Points>([]);
  const [error, setError] = useState('');
  const worker = useRef<Worker | undefined>(undefined);
  const ask = (message: DevicesRequest) => worker.current?.postMessage(message);

  useEffect(() => {
    worker.current = new Worker('devices-worker.js', { type: 'module' });
    worker.current.onmessage = ({ data }: MessageEvent<DevicesReply>) => {
      if (data.type === 'device') setReports((known) => ({ ...known, [data.report.device]: data }));
      else if (data.type === 'speed') setRates((known) => ({ ...known, [data.device]: data.perSecond }));
      else if (data.type === 'sampling') setSampled(data);
      else if (data.type === 'error') setError(data.message);
      else {
        const { frame: next } = data;
        setFrame(next);
        setDensities((known) => longer(known, next.steps, next.logDensity));
        const { mean } = next;
        if (mean) setAccuracies((known) => longer(known, next.steps, mean.accuracy));
      }
    };
    worker.current.onerror = ({ message }) => setError(message);
  }, []);
  useEffect(() => ask({ type: 'run', running }), [running]);

  const start = () => {
    setAsked(true);
    ask({ type: 'sample' });
  };
  return (
    <main>
      <h1>What can this browser compute?</h1>
      <p class="intro">
        Gradients of networks run in browsers too: on the processor through WebAssembly, and on the GPU through WebGPU.
        Below, each is tried on elementary functions, a product and convolutions, and compared with float64. To the{' '}
        <a href="index.html">noise gallery</a>, to the <a href="curve.html">regression room</a>.
      </p>
      <div class="pair">
        {(Object.keys(NAMES) as BrowserDevice[]).map((device) => (
          <Device key={device} device={device} told={reports[device]} rate={rates[device]} asked={asked} />
        ))}
      </div>
      <Card title="A Bayesian network, here" class="below">
        <p>
          LeNet with {whole(DIMENSION)} parameters learns digits from {TRAINING} small pictures that this page draws,{' '}
          {BATCH} at a time, and <code>{SAMPLER}</code> samples its posterior from there, under the prior N(0, 1) for
          every weight. The mean prediction of the draws is compared with that of the trained network on {HELD_OUT}{' '}
          other pictures.
        </p>
        <div class="bar">
          {asked ? (
            <button type="button" class="primary" onClick={() => setRunning(!running)}>
              {running ? 'Pause' : 'Run'}
            </button>
          ) : (
            <button type="button" class="primary" onClick={start}>
              Sample the posterior
            </button>
          )}
          <output class="clock" aria-label="Progress" data-phase={frame?.phase} data-draws={frame?.draws ?? 0}>
            {asked && (sampled ? progress(sampled.device, frame) : 'timing gradients on each device')}
          </output>
          {error && (
            <span class="error" role="alert">
              {error}
            </span>
          )}
        </div>
        {sampled && <Sampled heldOut={sampled.heldOut} {...{ frame, densities, accuracies }} />}
      </Card>
    </main>
  );
}

function Device(props: { device: BrowserDevice; told: Told | undefined; rate: number | undefined; asked: boolean }) {
  const { device, told, rate, asked } = props;
  const title = NAMES[device];
  if (!told) {
    return (
      <Card title={title}>
        <p class="clock">trying …</p>
      </Card>
    );
  }
  const { report, wrong } = told;
  if (report.fault) {
    return (
      <Card title={title}>
        <p data-device={device} data-there="false">
          Not here: {report.fault.replace(/^compile: /, '')}
        </p>
      </Card>
    );
  }
  const errors = Object.entries(report.errors);
  return (
    <Card title={title}>
      <p data-device={device} data-there="true" data-wrong={wrong.join(' ')}>
        {wrong.length === 0 ? (
          <span class="good">Here, and exact to float32.</span>
        ) : (
          <span class="error">Here, but not exact: {wrong.join(', ')}. Nothing is sampled on it.</span>
        )}{' '}
        Largest relative errors:
      </p>
      <dl class="errors" aria-label={`Largest relative errors on ${title}`}>
        {errors.map(([name, error]) => (
          <div key={name} class={wrong.includes(name) ? 'error' : ''}>
            <dt>{name}</dt>
            <dd>{error.toExponential(0)}</dd>
          </div>
        ))}
      </dl>
      {asked && wrong.length === 0 && (
        <p class="clock" data-rate={rate}>
          {rate === undefined
            ? 'timing gradients …'
            : `${digits(rate)} gradients of LeNet a second, ${BATCH} pictures each`}
        </p>
      )}
    </Card>
  );
}

function progress(device: BrowserDevice, frame: Frame | undefined): string {
  if (!frame) return `starting on ${device}`;
  const { phase, steps, draws, perSecond } = frame;
  const speed = `${digits(perSecond)} gradients a second on ${device}`;
  if (phase === 'training') return `training, step ${steps} of ${TRAINED}, ${speed}`;
  if (phase === 'warming up') return `warming up, step ${steps - TRAINED} of ${WARMUP}, ${speed}`;
  return `${draws} draws, ${speed}`;
}

function Sampled(props: { heldOut: Images; frame: Frame | undefined; densities: Points; accuracies: Points }) {
  const { heldOut, frame, densities, accuracies } = props;
  const start = frame?.start;
  const mean = frame?.mean;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return (
    <>
      <div class="pair">
        <figure>
          <figcaption>
            Log density, estimated from a batch: {frame ? whole(frame.logDensity) : '–'}. It falls from the trained
            network's by about half the number of weights, {whole(DIMENSION / 2)}: there the prior has its mass.
          </figcaption>
          <Trace label="Log density over steps" points={densities} />
        </figure>
        <figure>
          <figcaption data-start={start?.accuracy} data-mean={mean?.accuracy}>
            Held-out pictures read right: {mean ? percent(mean.accuracy) : '–'} by the mean of the draws,{' '}
            {start ? percent(start.accuracy) : '–'} by the start (dashed). Mean log probability:{' '}
            {mean ? mean.lppd.toFixed(3) : '–'} against {start ? start.lppd.toFixed(3) : '–'}
          </figcaption>
          <Trace label="Accuracy of the mean prediction over steps" points={accuracies} level={start?.accuracy} />
        </figure>
      </div>
      <Pictures heldOut={heldOut} start={start} mean={mean} />
    </>
  );
}

render(<Page />, document.getElementById('app') as HTMLElement);
