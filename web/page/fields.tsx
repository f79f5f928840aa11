/** The page's input elements: labels, ranges, choices. */
import type { ComponentChildren } from 'preact';

export function Choice<T extends string>(props: {
  label: string;
  value: T;
  choices: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
  wide?: boolean;
}) {
  return (
    <label class={props.wide ? 'wide' : ''}>
      {props.label}
      <select value={props.value} onChange={(event) => props.onChange(event.currentTarget.value as T)}>
        {props.choices.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A range; `scale: 'log'` moves in equal ratios. */
export function Range(props: {
  label: string;
  value: number;
  limits: readonly [number, number];
  shown: string;
  scale?: 'log';
  step?: number;
  wide?: boolean;
  onChange: (value: number) => void;
}) {
  const log = props.scale === 'log';
  const [low, high] = props.limits.map((limit) => (log ? Math.log2(limit) : limit));
  return (
    <label class={props.wide ? 'wide' : ''}>
      {props.label}: {props.shown}
      <input
        type="range"
        min={low}
        max={high}
        step={props.step ?? (log ? 0.125 : (high - low) / 100)}
        value={log ? Math.log2(props.value) : props.value}
        aria-valuetext={props.shown}
        onInput={(event) => {
          const value = Number(event.currentTarget.value);
          props.onChange(log ? 2 ** value : value);
        }}
      />
    </label>
  );
}

export function Check(props: { label: string; value: boolean; onChange: (value: boolean) => void }) {
  return (
    <label class="check wide">
      <input type="checkbox" checked={props.value} onChange={(event) => props.onChange(event.currentTarget.checked)} />
      {props.label}
    </label>
  );
}

export function Card(props: { title: string; class?: string; children: ComponentChildren }) {
  return (
    <section class={`card ${props.class ?? ''}`} aria-label={props.title}>
      <h2>{props.title}</h2>
      {props.children}
    </section>
  );
}

export const digits = (value: number): string =>
  Number.isFinite(value)
    ? Math.abs(value) < 1e-3 && value !== 0
      ? value.toExponential(1)
      : String(Number(value.toPrecision(3)))
    : '–';
