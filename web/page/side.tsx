/** One of the two samplers: its stage, its numbers, its settings. */
import { useEffect, useRef } from 'preact/hooks';
import { SAMPLER_NAMES, type SamplerName } from '../../src/samplers/registry.ts';
import { LIMITS, type SideSettings } from '../stage/settings.ts';
import type { Readout } from '../stage/simulation.ts';
import { Card, Check, Choice, digits, Range } from './fields.tsx';
import type { SideName } from './protocol.ts';

const SMILE_FAMILY: readonly string[] = ['smile-naive', 'psmile-naive', 'smile', 'psmile'];
const NEEDS_ALL: readonly string[] = ['mclmc', 'mile', 'hmc'];

/** Step sizes that suit the stage, in each sampler's own units. */
const usual = (name: SamplerName): number =>
  (({ sgld: 0.005, psgld: 0.005, csgld: 0.02, sghmc: 0.001, adasghmc: 0.03 }) as Record<string, number>)[name] ?? 0.1;

export interface Canvases {
  readonly square: HTMLCanvasElement;
  readonly alongX: HTMLCanvasElement;
  readonly alongY: HTMLCanvasElement;
}

export function Side(props: {
  name: SideName;
  settings: SideSettings;
  readout: Readout | undefined;
  onCanvases: (canvases: Canvases) => void;
  onChange: (settings: SideSettings) => void;
}) {
  const { name, settings, readout, onChange } = props;
  const square = useRef<HTMLCanvasElement>(null);
  const alongX = useRef<HTMLCanvasElement>(null);
  const alongY = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    props.onCanvases({
      square: square.current as HTMLCanvasElement,
      alongX: alongX.current as HTMLCanvasElement,
      alongY: alongY.current as HTMLCanvasElement,
    });
  }, []);
  const said = readout ? sentence(settings.sampler, readout) : 'not started';
  return (
    <Card title={name === 'left' ? 'Left sampler' : 'Right sampler'}>
      <div class="plane">
        <canvas ref={square} class="square" role="img" aria-label={`Chains of ${said}`} />
        <div class="along-y">
          <canvas ref={alongY} role="img" aria-label="Histogram along y beside the true marginal" />
        </div>
        <canvas ref={alongX} class="along-x" role="img" aria-label="Histogram along x beside the true marginal" />
      </div>
      <Numbers name={name} readout={readout} />
      <div class="fields">
        <Choice
          label="Sampler"
          wide
          value={settings.sampler}
          choices={SAMPLER_NAMES.map((value) => [value, value] as const)}
          onChange={(sampler) => onChange({ ...settings, sampler, mode: 'sound', stepSize: usual(sampler) })}
        />
        {NEEDS_ALL.includes(settings.sampler) && (
          <p class="wide error">Made for full gradients: noise makes it wrong.</p>
        )}
        <Range
          label="Step size ε"
          scale="log"
          value={settings.stepSize}
          limits={[1e-4, 2]}
          shown={digits(settings.stepSize)}
          onChange={(stepSize) => onChange({ ...settings, stepSize })}
        />
        {SMILE_FAMILY.includes(settings.sampler) && (
          <Choice
            label="Mode"
            value={settings.mode}
            choices={[
              ['sound', 'sound'],
              ['paper', 'paper'],
            ]}
            onChange={(mode) => onChange({ ...settings, mode })}
          />
        )}
        <Decoherence settings={settings} onChange={onChange} />
        {['smile', 'psmile'].includes(settings.sampler) && settings.mode === 'sound' && (
          <Choice
            label="Tuner"
            value={settings.tuner}
            choices={[
              ['set-point', 'set point'],
              ['quantile', 'quantile'],
            ]}
            onChange={(tuner) => onChange({ ...settings, tuner })}
          />
        )}
        {['smile', 'psmile'].includes(settings.sampler) && (
          <Check
            label="Guard: reject outlying energies"
            value={settings.guard}
            onChange={(guard) => onChange({ ...settings, guard })}
          />
        )}
      </div>
    </Card>
  );
}

function Decoherence({ settings, onChange }: { settings: SideSettings; onChange: (settings: SideSettings) => void }) {
  const { sampler, mode, decoherence } = settings;
  const reads =
    (SMILE_FAMILY.includes(sampler) && mode === 'sound') ||
    ['psmile-full', 'psmile-low-rank', 'mclmc', 'mile'].includes(sampler);
  if (!reads) return null;
  const [low, high] = LIMITS.decoherence;
  const none = decoherence === Number.POSITIVE_INFINITY;
  return (
    <Range
      label="Refreshment L"
      scale="log"
      value={none ? 2 * high : decoherence}
      limits={[low, 2 * high]}
      shown={none ? 'none' : digits(decoherence)}
      onChange={(value) => onChange({ ...settings, decoherence: value > high ? Number.POSITIVE_INFINITY : value })}
    />
  );
}

const sentence = (sampler: string, { warm, bias }: Readout) =>
  warm ? `${sampler}, squared bias ${digits(bias)}` : `${sampler}, warming up`;

const degrees = ([x, y]: readonly [number, number]) => `${Math.round((Math.atan2(y, x) * 180) / Math.PI)}°`;

function Numbers({ name, readout }: { name: SideName; readout: Readout | undefined }) {
  const temperature = (k: 0 | 1) => {
    if (!readout) return '–';
    const theory = readout.predicted ? `, theory ${digits(readout.predicted[k])}` : '';
    return `${digits(readout.temperatures[k])}${theory}`;
  };
  const [first, second] = readout?.axes ?? [];
  return (
    <dl
      class="readout"
      data-side={name}
      data-gradients={readout?.gradients ?? 0}
      data-temperatures={readout?.temperatures.join(' ')}
      data-bias={readout?.bias}
      data-step={readout?.stepSize}
    >
      <dt>squared bias b²</dt>
      <dd>{readout?.warm ? digits(readout.bias) : 'warming up'}</dd>
      <dt>temperature at {first ? degrees(first) : '0°'}</dt>
      <dd>{temperature(0)}</dd>
      <dt>temperature at {second ? degrees(second) : '90°'}</dt>
      <dd>{temperature(1)}</dd>
      <dt>step size now</dt>
      <dd>{readout ? digits(readout.stepSize) : '–'}</dd>
      <dt>resets, non-finite</dt>
      <dd>
        {readout?.resets ?? 0}, {readout?.nonFinite ?? 0}
      </dd>
    </dl>
  );
}
