/** The page: two samplers on the same noise, a tour, and everything in the address bar. */
import { render } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { PLANE_NAMES, PLANES, planeTarget } from '../stage/planes.ts';
import { fromHash, LIMITS, type Settings, toHash } from '../stage/settings.ts';
import { COPIES, DIMENSION, type Readout } from '../stage/simulation.ts';
import { TOUR } from '../stage/tour.ts';
import { type Truth, truthOf } from '../stage/truth.ts';
import { Clock, type Pictures } from './clock.ts';
import { Card, Choice, digits, Range } from './fields.tsx';
import { NoisePanel } from './noise.tsx';
import { paced } from './paced.ts';
import { densityPicture, drawMarginal, palette, StagePainter } from './paint.ts';
import type { SideName } from './protocol.ts';
import { type Canvases, Side } from './side.tsx';

const SIDES = ['left', 'right'] as const;
/** Milliseconds between updates of the numbers; the pictures come with every frame. */
const NUMBERS_EVERY = 150;
/** With reduced motion the pictures come this seldom, and without trails. */
const STILL_EVERY = 500;
const calm = matchMedia('(prefers-reduced-motion: reduce)');
const dark = matchMedia('(prefers-color-scheme: dark)');

type Readouts = Partial<Record<SideName, Readout>>;

/** Draws frames as they come; knows nothing of the controls. */
class Theatre {
  readonly #painters: Partial<Record<SideName, StagePainter>> = {};
  readonly #canvases: Partial<Record<SideName, Canvases>> = {};
  #scene: { picture: HTMLCanvasElement; truth: Truth; colours: ReturnType<typeof palette> } | undefined;
  frames = 0;

  join(side: SideName, canvases: Canvases): void {
    this.#canvases[side] = canvases;
    this.#painters[side] = new StagePainter(canvases.square);
  }

  /** Throws an `Error` for a formula that is none. */
  set({ target, formula }: Settings): void {
    const plane = planeTarget(target, formula);
    const truth = truthOf(plane);
    const colours = palette(document.documentElement);
    this.#scene = { picture: densityPicture(plane, truth, colours), truth, colours };
    for (const side of SIDES) this.#painters[side]?.clear();
  }

  draw(pictures: Pictures): void {
    if (calm.matches) this.#drawSeldom(pictures);
    else this.#drawNow(pictures);
  }

  readonly #drawSeldom = paced(STILL_EVERY, (pictures: Pictures) => this.#drawNow(pictures));

  #drawNow(pictures: Pictures): void {
    if (!this.#scene) return;
    this.frames++;
    const { picture, truth, colours } = this.#scene;
    for (const side of SIDES) {
      const [frame, canvases] = [pictures[side], this.#canvases[side]];
      if (!frame || !canvases) continue;
      this.#painters[side]?.draw(frame, picture, truth.reach, colours, !calm.matches);
      drawMarginal(canvases.alongX, 'x', frame.histograms[0], truth.marginals[0], colours);
      drawMarginal(canvases.alongY, 'y', frame.histograms[1], truth.marginals[1], colours);
    }
  }
}

function App() {
  const [settings, setSettings] = useState(() => fromHash(location.hash));
  const [step, setStep] = useState<number | undefined>(location.hash.length > 1 ? undefined : 0);
  const [running, setRunning] = useState(!calm.matches);
  const [readouts, setReadouts] = useState<Readouts>({});
  const [error, setError] = useState('');
  const theatre = useMemo(() => new Theatre(), []);
  const clock = useRef<Clock | undefined>(undefined);

  const change = (next: Settings) => {
    setSettings(next);
    setStep(undefined);
  };
  const visit = (k: number) => {
    setSettings({ ...TOUR[k].settings, speed: settings.speed });
    setStep(k);
    setRunning(true);
  };

  useEffect(() => {
    const tell = paced(NUMBERS_EVERY, ({ run, left, right }: Pictures) => {
      if (run !== clock.current?.run) return;
      setReadouts({ ...(left && { left: left.readout }), ...(right && { right: right.readout }) });
    });
    clock.current = new Clock((pictures) => {
      theatre.draw(pictures);
      tell(pictures);
    }, setError);
    Object.assign(window, { smileGallery: { clock: clock.current, theatre } });
    if (location.hash.length <= 1) visit(0);
    const follow = () => {
      if (location.hash.replace(/^#/, '') !== toHash(settingsNow.current)) change(fromHash(location.hash));
    };
    addEventListener('hashchange', follow);
    return () => removeEventListener('hashchange', follow);
  }, []);

  const settingsNow = useRef(settings);
  settingsNow.current = settings;
  const { speed, ...sampled } = settings;
  const identity = JSON.stringify(sampled, (_, value) => (value === Number.POSITIVE_INFINITY ? 'Infinity' : value));
  const restart = () => {
    setError('');
    setReadouts({});
    try {
      theatre.set(settings);
      clock.current?.start(settings);
    } catch (problem) {
      setError((problem as Error).message);
    }
  };
  useEffect(restart, [identity]);
  useEffect(() => {
    if (clock.current) clock.current.speed = speed;
    const hash = toHash(settings);
    history.replaceState(null, '', hash ? `#${hash}` : location.pathname);
  });
  useEffect(() => {
    if (clock.current) clock.current.running = running && error === '';
  }, [running, error, identity]);
  useEffect(() => {
    dark.addEventListener('change', restart);
    return () => dark.removeEventListener('change', restart);
  }, [identity]);

  const { left, right } = readouts;
  return (
    <main>
      <h1>The noise gallery</h1>
      <p class="intro">
        A sampler that follows mini-batch gradients follows their noise too. Stretch the noise and watch the posterior
        bend; switch the preconditioner on and watch it straighten. Two of {DIMENSION} coordinates are shown: each chain
        moves in {COPIES} such planes at once, as a network's chain moves in many. To the{' '}
        <a href="curve.html">regression room</a>, to the <a href="devices.html">devices of this browser</a>.
      </p>
      <Tour step={step} readouts={readouts} onVisit={visit} />
      <div class="bar">
        <button type="button" class="primary" onClick={() => setRunning(!running)}>
          {running ? 'Pause' : 'Run'}
        </button>
        <button type="button" onClick={restart}>
          Restart
        </button>
        <button type="button" onClick={() => navigator.clipboard?.writeText(location.href)}>
          Copy link
        </button>
        <output class="clock" aria-label="Clock">
          {Math.round(left?.gradients ?? 0).toLocaleString('en')} gradients per chain
        </output>
        {error && (
          <span class="error" role="alert">
            {error}
          </span>
        )}
      </div>
      <div class="stages">
        {SIDES.map((name) => (
          <Side
            key={name}
            name={name}
            settings={settings[name]}
            readout={name === 'left' ? left : right}
            onCanvases={(canvases) => theatre.join(name, canvases)}
            onChange={(side) => change({ ...settings, [name]: side })}
          />
        ))}
        <div class="settings">
          <TargetPanel settings={settings} onChange={change} onSpeed={(s) => setSettings({ ...settings, speed: s })} />
          <NoisePanel noise={settings.noise} onChange={(noise) => change({ ...settings, noise })} />
        </div>
      </div>
    </main>
  );
}

function Tour({
  step,
  readouts,
  onVisit,
}: {
  step: number | undefined;
  readouts: Readouts;
  onVisit: (k: number) => void;
}) {
  const shown = step === undefined ? undefined : TOUR[step];
  const { left, right } = readouts;
  const claim = shown && left?.warm && right?.warm ? shown.claim(left, right) : undefined;
  const judged = claim && shown && (left?.gradients ?? 0) >= shown.gradients;
  return (
    <nav class="card tour" aria-label="Guided tour">
      <ol class="steps">
        {TOUR.map(({ title }, k) => (
          <li key={title}>
            <button type="button" aria-current={k === step ? 'step' : undefined} onClick={() => onVisit(k)}>
              {k + 1}. {title}
            </button>
          </li>
        ))}
      </ol>
      <div class="tour-text">
        <p>{shown?.text ?? 'Your own settings. The tour is at hand whenever you want it back.'}</p>
        {shown && (
          <p class={`claim ${judged && claim?.holds ? 'holds' : ''}`} data-judged={judged} data-holds={claim?.holds}>
            {claim ? `Measured: ${claim.says}${judged ? '.' : ' so far.'}` : 'Warming up.'}
          </p>
        )}
      </div>
    </nav>
  );
}

function TargetPanel(props: {
  settings: Settings;
  onChange: (settings: Settings) => void;
  onSpeed: (speed: number) => void;
}) {
  const { settings, onChange, onSpeed } = props;
  const [draft, setDraft] = useState(settings.formula);
  useEffect(() => setDraft(settings.formula), [settings.formula]);
  return (
    <Card title="Posterior">
      <div class="fields">
        <Choice
          label="Density"
          wide
          value={settings.target}
          choices={PLANE_NAMES.map((name) => [name, name === 'formula' ? 'Your formula' : PLANES[name].label] as const)}
          onChange={(target) => onChange({ ...settings, target })}
        />
        {settings.target === 'formula' && (
          <label class="wide">
            log density of x and y
            <input
              type="text"
              value={draft}
              spellcheck={false}
              onInput={(event) => setDraft(event.currentTarget.value)}
              onChange={() => onChange({ ...settings, formula: draft })}
            />
          </label>
        )}
        <Range
          label="Chains"
          step={1}
          value={settings.chains}
          limits={LIMITS.chains}
          shown={String(settings.chains)}
          onChange={(chains) => onChange({ ...settings, chains })}
        />
        <Range
          label="Gradients a second"
          scale="log"
          value={settings.speed}
          limits={LIMITS.speed}
          shown={digits(Math.round(settings.speed))}
          onChange={onSpeed}
        />
        <label>
          Seed
          <input
            type="number"
            value={settings.seed}
            min={0}
            onChange={(event) => onChange({ ...settings, seed: Math.round(Number(event.currentTarget.value)) || 0 })}
          />
        </label>
      </div>
    </Card>
  );
}

render(<App />, document.getElementById('app') as HTMLElement);
