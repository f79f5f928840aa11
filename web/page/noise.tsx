/** The noise: an ellipse to drag, and what else it can be. */
import { useRef } from 'preact/hooks';
import { type Ellipse, LAWS } from '../stage/ellipse.ts';
import { LIMITS } from '../stage/settings.ts';
import { Card, Choice, digits, Range } from './fields.tsx';

const LARGEST = LIMITS.deviation[1];
/** Deviations are drawn by their square root, so that small noise can be gripped. */
const drawn = (deviation: number) => 62 * Math.sqrt(deviation / LARGEST);
const undrawn = (length: number) => Math.min(LARGEST, LARGEST * (length / 62) ** 2);
const LAW_NAMES = { normal: 'normal', laplace: 'Laplace', 'student-t': "Student's t, heavy tails" };

type Axis = 'major' | 'minor';

export function NoisePanel({ noise, onChange }: { noise: Ellipse; onChange: (noise: Ellipse) => void }) {
  return (
    <Card title="Gradient noise">
      <EllipseHandles noise={noise} onChange={onChange} />
      <p class="clock">
        deviations {digits(noise.major)} and {digits(noise.minor)}, {digits((noise.angle * 180) / Math.PI)}°
      </p>
      <div class="fields">
        <Choice
          label="Law"
          wide
          value={noise.law}
          choices={LAWS.map((law) => [law, LAW_NAMES[law]] as const)}
          onChange={(law) => onChange({ ...noise, law })}
        />
        <Range
          label="Batch size"
          wide
          scale="log"
          step={1}
          value={noise.batch}
          limits={LIMITS.batch}
          shown={String(noise.batch)}
          onChange={(batch) => onChange({ ...noise, batch: Math.round(batch) })}
        />
        <Range
          label="Stronger towards the left by"
          wide
          step={0.05}
          value={noise.tilt}
          limits={LIMITS.tilt}
          shown={noise.tilt === 0 ? 'nothing' : `e^(${digits(-noise.tilt)} x)`}
          onChange={(tilt) => onChange({ ...noise, tilt })}
        />
      </div>
    </Card>
  );
}

/** An ellipse of standard deviations with two handles, by pointer or by keys. */
function EllipseHandles({ noise, onChange }: { noise: Ellipse; onChange: (noise: Ellipse) => void }) {
  const svg = useRef<SVGSVGElement>(null);
  const grip = (axis: Axis) => (event: PointerEvent) => {
    const handle = event.currentTarget as SVGElement;
    handle.setPointerCapture(event.pointerId);
    const move = ({ clientX, clientY }: PointerEvent) => {
      const box = (svg.current as SVGSVGElement).getBoundingClientRect();
      const x = ((clientX - box.left) / box.width) * 150 - 75;
      const y = 75 - ((clientY - box.top) / box.height) * 150;
      onChange(pulled(noise, axis, x, y));
    };
    const end = () => {
      handle.removeEventListener('pointermove', move);
      handle.removeEventListener('pointerup', end);
    };
    handle.addEventListener('pointermove', move);
    handle.addEventListener('pointerup', end);
  };
  const keys = (axis: Axis) => (event: KeyboardEvent) => {
    const turn = { ArrowLeft: 1, ArrowRight: -1 }[event.key];
    const stretch = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (turn === undefined && stretch === undefined) return;
    event.preventDefault();
    const deviation = Math.min(LARGEST, Math.max(0, noise[axis] + (stretch ?? 0)));
    onChange({ ...noise, [axis]: deviation, angle: wrapped(noise.angle + ((turn ?? 0) * Math.PI) / 36) });
  };
  const handle = (axis: Axis) => {
    const angle = noise.angle + (axis === 'minor' ? Math.PI / 2 : 0);
    const length = Math.max(7, drawn(noise[axis]));
    return (
      <circle
        class="handle"
        role="slider"
        tabindex={0}
        aria-label={`${axis} axis of the noise: arrows up and down stretch, left and right rotate`}
        aria-valuemin={0}
        aria-valuemax={LARGEST}
        aria-valuenow={Number(noise[axis].toFixed(1))}
        data-axis={axis}
        cx={length * Math.cos(angle)}
        cy={-length * Math.sin(angle)}
        r={5.5}
        fill={axis === 'major' ? 'var(--flash)' : 'var(--card)'}
        stroke="var(--flash)"
        stroke-width={2}
        onPointerDown={grip(axis)}
        onKeyDown={keys(axis)}
      />
    );
  };
  return (
    <svg ref={svg} class="ellipse" viewBox="-75 -75 150 150" aria-label="Covariance of the gradient noise">
      <path d="M-75 0H75M0-75V75" stroke="var(--line)" />
      <ellipse
        rx={drawn(noise.major)}
        ry={drawn(noise.minor)}
        transform={`rotate(${(-noise.angle * 180) / Math.PI})`}
        fill="var(--flash)"
        fill-opacity={0.2}
        stroke="var(--flash)"
        stroke-width={2}
      />
      {handle('major')}
      {handle('minor')}
    </svg>
  );
}

/** The ellipse when the handle of an axis is pulled to (x, y): the long one turns it, the other only stretches. */
function pulled(noise: Ellipse, axis: Axis, x: number, y: number): Ellipse {
  if (axis === 'major') return { ...noise, major: undrawn(Math.hypot(x, y)), angle: wrapped(Math.atan2(y, x)) };
  const along = -Math.sin(noise.angle) * x + Math.cos(noise.angle) * y;
  return { ...noise, minor: undrawn(Math.max(0, along)) };
}

const wrapped = (angle: number) => Math.atan2(Math.sin(angle), Math.cos(angle));
