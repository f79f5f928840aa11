/** A block that throws, wherever that is, leaves no session of the runtime open. */
import { mkdtempSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { runBlock } from '../../src/chains/block.ts';
import { rewatch } from '../../src/chains/rewatch.ts';
import { prepareRun } from '../../src/control/fit.ts';
import { demoCsv } from '../../src/data/demo.ts';
import { loadData, loadRun } from '../../src/spec/loaded-run.ts';
import type { Phase } from '../../src/spec/records.ts';
import { claimChain } from '../../src/store/claim.ts';
import { runPaths } from '../../src/store/rundir.ts';
import { readTensors, writeTensors } from '../../src/store/safetensors.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-releases-'));
const data = join(folder, 'demo.csv');
writeFileSync(data, demoCsv(1, 60));
const chains = [0, 1];
const config = {
  model: { hidden: [3] },
  warmStart: { epochs: 5 },
  sampler: { warmup: 40, steps: 300, thin: 1, batchSize: 16 },
  compute: { threads: 1 },
  chains: chains.length,
};

let [opened, open] = [0, 0];
beforeAll(() => {
  const create = InferenceSession.create.bind(InferenceSession) as (...args: unknown[]) => Promise<InferenceSession>;
  vi.spyOn(InferenceSession, 'create').mockImplementation(async (...args: unknown[]) => {
    const session = await create(...args);
    const release = session.release.bind(session);
    opened++;
    open++;
    session.release = async () => {
      open--;
      await release();
    };
    return session;
  });
});
afterAll(() => vi.restoreAllMocks());

async function prepared(name: string): Promise<string> {
  const out = join(folder, name);
  await prepareRun({ data, out, config, workers: 0 });
  [opened, open] = [0, 0];
  return out;
}
const going = { chains, checkpointSeconds: 0, stopped: () => false, onProgress: () => {} };

it.each<Phase>(['warm start', 'warm-up', 'sampling'])(
  'when its store refuses it in the %s: another has claimed a chain',
  async (phase) => {
    const out = await prepared(phase);
    const onProgress = (progress: { phase: Phase }) => {
      if (progress.phase === phase) claimChain(runPaths(out).chain(1));
    };
    await expect(runBlock(out, { ...going, onProgress })).rejects.toMatchObject({ tag: 'TakenOver' });
    expect(opened).toBeGreaterThan(1);
    expect(open).toBe(0);
  },
);

it('when a checkpoint is of another version, and when draws that are watched again are damaged', async () => {
  const out = await prepared('foreign');
  await runBlock(out, going);
  const before = opened;
  expect([before > 0, open]).toEqual([true, 0]);
  const chain = runPaths(out).chain(0);
  const draws = join(chain, 'draws-000001.safetensors');
  truncateSync(draws, statSync(draws).size - 1);
  const run = loadRun(out);
  await expect(rewatch(run, loadData(run), 0)).rejects.toMatchObject({ tag: 'StoreError' });
  expect([opened > before, open]).toEqual([true, 0]);
  for (const name of readdirSync(chain).filter((file) => file.startsWith('checkpoint-'))) {
    const { tensors, metadata } = readTensors(join(chain, name));
    const { 'state.stepSize': _, ...others } = tensors;
    writeTensors(join(chain, name), { tensors: others, metadata });
  }
  await expect(runBlock(out, { ...going, chains: [0] })).rejects.toMatchObject({ tag: 'ShapeError' });
  expect(open).toBe(0);
});
