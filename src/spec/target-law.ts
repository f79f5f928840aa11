/** What the likelihood of a run says about the target: its law, and the target as the network's graphs take it. */
import type { Rows } from '../data/rows.ts';
import { isTable, tableRows } from '../data/table/rows.ts';
import { specError } from '../errors.ts';
import { type Law, NORMAL } from '../infer/law.ts';
import { type LogScaled, logNormal, logScaled } from '../infer/log-normal.ts';
import { type Axis, logAxis, OWN_AXIS } from '../infer/stretch.ts';
import { STUDENT_T } from '../infer/student-t.ts';
import type { LoadedRun } from './loaded-run.ts';

type Told = Pick<LoadedRun, 'network' | 'preprocessing'>;

/** The law of a regression's standardised target. */
export function lawOf(run: Told): Law {
  const { name, scale } = run.network.likelihood;
  if (scale === 'log') return logNormal(logTarget(run));
  return name === 'student-t' ? STUDENT_T : NORMAL;
}

/** The axis of the standardised target on which that law has a centre to be stretched about. */
export const axisOf = (run: Told): Axis =>
  run.network.likelihood.scale === 'log' ? logAxis(logTarget(run)) : OWN_AXIS;

/** The rows with targets as the network's graphs take them. */
export function asTheNetworkSees(run: Told, rows: Rows): Rows {
  if (run.network.likelihood.scale !== 'log' || !isTable(rows)) return rows;
  const target = logTarget(run);
  return tableRows({ ...rows, y: rows.y.map((y) => logScaled(y, target)) });
}

/** What a row's log density in the units of the network's graphs gains in those of the standardised target. */
export function logJacobian(run: Told, y: Float64Array): Float64Array {
  if (run.network.likelihood.scale !== 'log') return new Float64Array(y.length);
  const { mean, sd, log } = logTarget(run);
  return y.map((value) => Math.log(sd / log.sd) - Math.log(mean + sd * value));
}

/** Throws a `SpecError` where rows have targets that the likelihood gives no density. */
export function checkSupport(run: Told, splits: readonly Pick<Rows, 'y'>[]): void {
  if (run.network.likelihood.scale === 'log' && !isPositive(run.preprocessing, splits)) throw notPositive(run);
}

/** Whether the target of a regression is above zero in all these rows, and in all of its table. */
export const isPositive = ({ target }: Told['preprocessing'], splits: readonly Pick<Rows, 'y'>[]): boolean =>
  'log' in target &&
  target.log !== undefined &&
  splits.every(({ y }) => y.every((v) => target.mean + target.sd * v > 0));

function logTarget(run: Told): LogScaled {
  const { target } = run.preprocessing;
  if ('log' in target && target.log) return { ...target, log: target.log };
  throw notPositive(run);
}

const notPositive = ({ preprocessing: { target } }: Told) =>
  specError(
    `model.likelihood: expected a target '${target.name}' above zero in all rows for log-normal, got others. ` +
      'Choose another likelihood, or leave those rows out.',
  );
