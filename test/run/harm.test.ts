/** A flipped bit anywhere, and worse: the same answer, mended with a word, or refused; never a silent change, never a raw error. */
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { drawsOf } from '../../bench/draws.ts';
import { fit } from '../../src/control/fit.ts';
import { resume } from '../../src/control/resume.ts';
import { demoCsv } from '../../src/data/demo.ts';
import { SmileError } from '../../src/errors.ts';
import type { FitEvent } from '../../src/spec/records.ts';
import type { FitConfig } from '../../src/spec/spec.ts';
import { answersOf, chances, copyOf, DAMAGED, filesByKind, flipped, mangled, rawErrors, withChanged } from '../harm.ts';

/** Trials; more of them, by hand: SMILE_HARM=40 npx vitest run test/run/harm.test.ts */
const TIMES = Number(process.env.SMILE_HARM ?? 1);

const folder = mkdtempSync(join(tmpdir(), 'smile-harm-'));
const data = join(folder, 'demo.csv');
writeFileSync(data, demoCsv(1, 80));
const rows = [{ x: -1 }, { x: 0.5 }, { x: 2 }];
const config: FitConfig = {
  model: { hidden: [4] },
  warmStart: { epochs: 5 },
  sampler: { warmup: 100, steps: 1500, thin: 5, batchSize: 16 },
  compute: { threads: 1 },
  chains: 2,
  seed: 2,
};
const [whole, stopped] = [join(folder, 'whole'), join(folder, 'stopped')];
let undisturbed: Record<string, string>;
let answers: string;

beforeAll(async () => {
  await fit({ data, out: whole, config, workers: 0 });
  undisturbed = drawsOf(whole);
  answers = await answersOf(whole, rows);
  const stop = new AbortController();
  const onEvent = (event: FitEvent) => event.type === 'progress' && event.block.phase !== 'warm start' && stop.abort();
  await fit({ data, out: stopped, config, workers: 0, checkpointSeconds: 0.001, signal: stop.signal, onEvent });
});

describe('a flipped bit', { timeout: 3_600_000 }, () => {
  it('leaves what a run says as it is, or the run says that it is damaged', async () => {
    const copy = copyOf(whole, 'flipped');
    const told = { same: 0, refused: 0 };
    let trial = 0;
    for (const [kind, names] of filesByKind(whole)) {
      for (let i = 0; i < 2 * TIMES; i++) {
        const [which, where] = chances(trial++, 2);
        const name = names[Math.floor(which * names.length)] as string;
        const said = await withChanged(
          copy,
          name,
          (bytes) => flipped(bytes, where),
          async () => {
            expect(await rawErrors(copy, ['standing', 'ledger', 'progress', 'watched']), `${name} at ${where}`).toEqual(
              [],
            );
            return answersOf(copy, rows).catch((error: Error) => error);
          },
        );
        if (said instanceof Error) expect([kind, said]).toEqual([kind, expect.any(SmileError)]);
        else {
          const [predicted, places] = JSON.parse(said);
          const [expected, standing] = JSON.parse(answers);
          expect([kind, predicted]).toEqual([kind, expected]);
          if (places !== DAMAGED) expect([kind, places]).toEqual([kind, standing]);
          told.same += places === DAMAGED ? 0 : 1;
        }
        if (said instanceof Error || said.includes(DAMAGED)) told.refused++;
      }
    }
    if (TIMES > 1) console.log(`${trial} flips of a finished run`, told);
    expect(told.refused).toBeGreaterThan(0);
  });

  it('in a stopped run is mended by resume, to the bit, or refused', async () => {
    const told = { refused: 0, same: 0 };
    const kinds = [...filesByKind(stopped)];
    const trials = TIMES === 1 ? kinds.filter(([kind]) => /checkpoint|held|config|start/.test(kind)) : kinds;
    for (let i = 0; i < trials.length * Math.ceil(TIMES / 4); i++) {
      const [which, where] = chances(5000 + i, 2);
      const [kind, names] = trials[i % trials.length] as [string, string[]];
      const name = names[Math.floor(which * names.length)] as string;
      const copy = copyOf(stopped, 'resumed');
      const before = Object.keys(drawsOf(copy));
      await withChanged(
        copy,
        name,
        (bytes) => flipped(bytes, where),
        async () => {
          const error = await resume(copy, { workers: 0 }).then(
            () => undefined,
            (reason: unknown) => reason,
          );
          told[error ? 'refused' : 'same']++;
          if (error) expect([kind, error]).toEqual([kind, expect.any(SmileError)]);
          else expect([name, drawsOf(copy)]).toEqual([name, undisturbed]);
          if (error) expect(Object.keys(drawsOf(copy))).toEqual(before);
        },
      );
    }
    if (TIMES > 1) console.log('flips of a stopped run', told);
    expect(told.same + told.refused).toBeGreaterThan(0);
  });
});

it('the readers of a run throw nothing but errors of ours, whatever a file holds', { timeout: 3_600_000 }, async () => {
  const copy = copyOf(whole, 'mangled');
  const kinds = [...filesByKind(whole)];
  const inputs = 60 * TIMES;
  for (let i = 0; i < inputs; i++) {
    const [kind, names] = kinds[i % kinds.length] as [string, string[]];
    const name = names[Math.floor((chances(9000 + i, 1)[0] as number) * names.length)] as string;
    const raw = await withChanged(
      copy,
      name,
      (bytes) => mangled(bytes, i),
      () => rawErrors(copy),
    );
    expect([kind, i, raw]).toEqual([kind, i, []]);
  }
  if (TIMES > 1) console.log(`${inputs} mangled files, each seen by every reader`);
  expect(readdirSync(copy).length).toBeGreaterThan(5);
});
