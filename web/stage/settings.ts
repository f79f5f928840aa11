/** Everything the page can be set to, as one value: what the address bar says and what a simulation is made of. */
import { SAMPLER_NAMES, type SamplerName } from '../../src/samplers/registry.ts';
import { type Ellipse, LAWS } from './ellipse.ts';
import { PLANE_NAMES, type PlaneName } from './planes.ts';

/** One of the two samplers side by side. */
export interface SideSettings {
  readonly sampler: SamplerName;
  readonly mode: 'sound' | 'paper';
  readonly stepSize: number;
  /** L; Infinity for none. Read by the microcanonical samplers in sound mode. */
  readonly decoherence: number;
  /** Rule for the step size of `smile` and `psmile` in sound mode. */
  readonly tuner: 'set-point' | 'quantile';
  /** Whether `smile` and `psmile` reject outlying energies. */
  readonly guard: boolean;
}

export interface Settings {
  readonly target: PlaneName;
  readonly formula: string;
  readonly noise: Ellipse;
  readonly chains: number;
  readonly seed: number;
  /** Gradients that each chain spends in a second. */
  readonly speed: number;
  readonly left: SideSettings;
  readonly right: SideSettings;
}

const SIDE: SideSettings = {
  sampler: 'smile-naive',
  mode: 'sound',
  stepSize: 0.1,
  decoherence: Number.POSITIVE_INFINITY,
  tuner: 'set-point',
  guard: true,
};

export const DEFAULTS: Settings = {
  target: 'round',
  formula: '-0.5*(x^2 + y^2) - 0.3*sin(3*x)*y',
  noise: { major: 18, minor: 6, angle: 0, law: 'normal', batch: 64, tilt: 0 },
  chains: 60,
  seed: 1,
  speed: 600,
  left: SIDE,
  right: { ...SIDE, sampler: 'psmile-naive' },
};

/** Smallest and largest of every number. */
export const LIMITS = {
  deviation: [0, 60],
  batch: [1, 4096],
  tilt: [-1, 1],
  chains: [1, 200],
  speed: [20, 5000],
  stepSize: [1e-6, 5],
  decoherence: [0.05, 1000],
} as const satisfies Record<string, readonly [number, number]>;

const clamp = (value: number, [low, high]: readonly [number, number]) => Math.min(high, Math.max(low, value));
const short = (value: number) => String(Number(value.toPrecision(4)));

/** The settings as the part of an address after #; what equals the defaults is left out. */
export function toHash(settings: Settings): string {
  const parts = fields(settings);
  const usual = fields(DEFAULTS);
  const said = Object.entries(parts).filter(([name, value]) => value !== usual[name]);
  return new URLSearchParams(said).toString();
}

function fields({ target, formula, noise, chains, seed, speed, left, right }: Settings): Record<string, string> {
  const side = (s: SideSettings) =>
    [s.sampler, s.mode, short(s.stepSize), short(s.decoherence), s.tuner, s.guard ? 'guard' : 'free'].join(' ');
  return {
    target,
    formula,
    noise: [noise.major, noise.minor, noise.angle].map(short).join(' '),
    law: noise.law,
    batch: short(noise.batch),
    tilt: short(noise.tilt),
    chains: short(chains),
    seed: short(seed),
    speed: short(speed),
    left: side(left),
    right: side(right),
  };
}

/** Reads what `toHash` wrote; anything missing or not understood keeps its default. */
export function fromHash(hash: string): Settings {
  const said = new URLSearchParams(hash.replace(/^#/, ''));
  const words = (name: string) => (said.get(name) ?? '').split(' ');
  const number = (text: string | undefined, usual: number, limits?: readonly [number, number]) => {
    const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text);
    if (Number.isNaN(value)) return usual;
    return limits ? clamp(value, limits) : value;
  };
  const oneOf = <T extends string>(text: string | undefined | null, choices: readonly T[], usual: T): T =>
    choices.find((choice) => choice === text) ?? usual;
  const side = (name: 'left' | 'right'): SideSettings => {
    const usual = DEFAULTS[name];
    const [sampler, mode, stepSize, decoherence, tuner, guard] = words(name);
    return {
      sampler: oneOf(sampler, SAMPLER_NAMES, usual.sampler),
      mode: oneOf(mode, ['sound', 'paper'], usual.mode),
      stepSize: number(stepSize, usual.stepSize, LIMITS.stepSize),
      decoherence:
        decoherence === 'Infinity'
          ? Number.POSITIVE_INFINITY
          : number(decoherence, usual.decoherence, LIMITS.decoherence),
      tuner: oneOf(tuner, ['set-point', 'quantile'], usual.tuner),
      guard: oneOf(guard, ['guard', 'free'], usual.guard ? 'guard' : 'free') === 'guard',
    };
  };
  const [major, minor, angle] = words('noise');
  const { noise } = DEFAULTS;
  return {
    target: oneOf(said.get('target'), PLANE_NAMES, DEFAULTS.target),
    formula: said.get('formula') ?? DEFAULTS.formula,
    noise: {
      major: number(major, noise.major, LIMITS.deviation),
      minor: number(minor, noise.minor, LIMITS.deviation),
      angle: number(angle, noise.angle),
      law: oneOf(said.get('law'), LAWS, noise.law),
      batch: Math.round(number(said.get('batch') ?? undefined, noise.batch, LIMITS.batch)),
      tilt: number(said.get('tilt') ?? undefined, noise.tilt, LIMITS.tilt),
    },
    chains: Math.round(number(said.get('chains') ?? undefined, DEFAULTS.chains, LIMITS.chains)),
    seed: Math.round(number(said.get('seed') ?? undefined, DEFAULTS.seed)),
    speed: number(said.get('speed') ?? undefined, DEFAULTS.speed, LIMITS.speed),
    left: side('left'),
    right: side('right'),
  };
}
