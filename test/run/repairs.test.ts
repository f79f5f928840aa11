/** Chains that ail are begun again: which, how often, and to the same bits whatever happens on the way. */
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { drawsOf } from '../../bench/draws.ts';
import { describeRepair, readRepairs } from '../../src/answers/repaired.ts';
import type { Verdict } from '../../src/answers/verdict/types.ts';
import { attemptOf, readStart, startPath } from '../../src/chains/attempt.ts';
import { runBlock } from '../../src/chains/block.ts';
import { lastPosition } from '../../src/chains/checkpoint.ts';
import { fit, prepareRun } from '../../src/control/fit.ts';
import { runChains } from '../../src/control/pool.ts';
import { beginRepairs, repairable } from '../../src/control/repairs.ts';
import { resume } from '../../src/control/resume.ts';
import { status } from '../../src/control/status.ts';
import { demoCsv } from '../../src/data/demo.ts';
import { runId } from '../../src/queue/job.ts';
import { mirrored } from '../../src/queue/mirror.ts';
import { storeNonce, storeToken } from '../../src/queue/secret.ts';
import { serveStore } from '../../src/queue/store-server.ts';
import { loadRun } from '../../src/spec/loaded-run.ts';
import type { FitEvent } from '../../src/spec/records.ts';
import { allChains } from '../../src/spec/records.ts';
import { type FitConfig, mergeConfigs, resolveSpec } from '../../src/spec/spec.ts';
import { readDraws } from '../../src/store/draws.ts';
import { writeJson } from '../../src/store/files.ts';
import { readManifest, runPaths, setStatus } from '../../src/store/rundir.ts';
import { readTensors, writeTensors } from '../../src/store/safetensors.ts';
import { freePort } from '../queue/cluster.ts';

const folder = mkdtempSync(join(tmpdir(), 'smile-repairs-'));
const data = join(folder, 'demo.csv');
writeFileSync(data, demoCsv(1, 300));
const config: FitConfig = {
  model: { hidden: [8], likelihood: 'gaussian-per-input' },
  warmStart: { epochs: 40 },
  sampler: { warmup: 600, steps: 600, thin: 10, batchSize: 64, energyTarget: 5e-4 },
  chains: 4,
  seed: 3,
};
const quick = { workers: 0, checkpointSeconds: 0.05 };
const silent = { workers: 0, onProgress: () => {} };

/** A run whose chains are done, and nothing more. */
async function sampled(name: string, changed: FitConfig = {}) {
  const dir = join(folder, name);
  await prepareRun({ data, out: dir, config: mergeConfigs(config, changed) });
  await runChains(dir, allChains(4), silent);
  setStatus(dir, 'done');
  return dir;
}

/** A copy of `from` in which the draws of some chains are changed. */
function planted(from: string, name: string, change: (chain: number, draw: number, theta: Float32Array) => void) {
  const dir = join(folder, name);
  cpSync(from, dir, { recursive: true });
  const d = loadRun(dir).network.dim;
  for (const chain of allChains(4)) {
    const path = runPaths(dir).chain(chain);
    const [file] = readdirSync(path).filter((entry) => entry.startsWith('draws-'));
    const { tensors, metadata } = readTensors(join(path, file));
    const draws = tensors.draws.data as Float32Array;
    for (let n = 0; n < draws.length / d; n++) change(chain, n, draws.subarray(n * d, (n + 1) * d));
    writeTensors(join(path, file), { tensors, metadata });
  }
  return dir;
}

const stuckAt = (chosen: readonly number[]) => (chain: number, _: number, theta: Float32Array) => {
  if (chosen.includes(chain)) theta.set(theta.map((x) => 0.3 * x + 1));
};
/** The log σ that these chains predict rises from draw to draw, by `most` in all, of later chains a little more. */
const driftingAt = (chosen: readonly number[], most: number) => (chain: number, draw: number, theta: Float32Array) => {
  if (chosen.includes(chain)) theta[theta.length - 1] += most * (1 + 0.1 * chain) * (draw / 60);
};

let base: string;
let stuck: string;
let repaired: Record<string, string>;
let verdict: Verdict;
beforeAll(async () => {
  base = await sampled('base');
  stuck = planted(base, 'stuck', stuckAt([2]));
  const done = join(folder, 'stuck-repaired');
  cpSync(stuck, done, { recursive: true });
  ({ verdict } = await resume(done, quick));
  repaired = drawsOf(done);
});

describe('a stuck chain', () => {
  it('is begun again from another member, and the run says so', async () => {
    const dir = join(folder, 'stuck-repaired');
    const [repair, ...others] = readRepairs(dir);
    expect(others).toEqual([]);
    expect(repair).toMatchObject({ chain: 2, attempt: 1, reason: 'stuck', draws: 60 });
    expect(repair.measure).toBeGreaterThan(0.5);
    expect(repair.member).not.toBe(2);
    const { theta } = readTensors(runPaths(dir).member(repair.member as number)).tensors;
    expect(readStart(dir, 2, 1)).toEqual(theta.data);
    const told = verdict.sampling?.findings.filter(({ check }) => check === 'repairs');
    expect(told).toEqual([expect.objectContaining({ turns: false, message: describeRepair(repair) })]);
    expect(status(dir).chains[2]).toMatchObject({ attempt: 1, phase: 'done' });
    const untouched = Object.keys(repaired).filter((name) => !/chains\/2|c\/2\//.test(name));
    expect(untouched.map((name) => repaired[name])).toEqual(untouched.map((name) => drawsOf(base)[name]));
    const file = (chain: number) => `chains/${chain}/draws-000001.safetensors`;
    expect(repaired[file(2)]).not.toBe(repaired[file(repair.member as number)]);
  });

  it.each([
    ['between decision and action', (dir: string) => rmSync(startPath(dir, 2, 1))],
    ['between action and the first step', () => {}],
  ])('is repaired to the same bits after a kill %s', async (name, undo) => {
    const dir = join(folder, `killed ${name}`);
    cpSync(stuck, dir, { recursive: true });
    setStatus(dir, 'running');
    await beginRepairs(loadRun(dir), () => {});
    expect(attemptOf(dir, 2)).toBe(1);
    undo(dir);
    await resume(dir, { ...quick, workers: 2 });
    expect(drawsOf(dir)).toEqual(repaired);
    expect(readRepairs(dir)).toEqual(readRepairs(join(folder, 'stuck-repaired')));
  });

  it('is repaired to the same bits by workers that have no share in the disk', async () => {
    const dir = join(folder, 'stuck-afar');
    cpSync(stuck, dir, { recursive: true });
    setStatus(dir, 'running');
    await beginRepairs(loadRun(dir), () => {});
    const server = await serveStore(dir, `http://127.0.0.1:${await freePort()}`);
    const manifest = readManifest(dir);
    const facts = { nonce: storeNonce(dir), run: runId(manifest), configHash: manifest.configHash };
    const store = { url: server.url, token: storeToken(undefined, facts) };
    const seen: string[][] = [];
    for (const steps of [1000, Number.POSITIVE_INFINITY]) {
      await mirrored(store, [2], { signal: new AbortController().signal }, (copy) =>
        runBlock(copy, {
          chains: [2],
          checkpointSeconds: 0.01,
          stopped: (_, done) => done >= steps,
          onProgress: () => {},
        }),
      );
      seen.push(readdirSync(runPaths(dir).chain(2)).filter((name) => name.startsWith('held-')));
    }
    await server.close();
    expect(seen[0].length).toBeGreaterThan(0);
    const notes: string[] = [];
    await resume(dir, { ...quick, onEvent: (event) => event.type === 'note' && notes.push(event.message) });
    expect(notes).toContain('every chain has all its draws');
    expect(drawsOf(dir)).toEqual(repaired);
  });

  it.each(['warm-up', 'sampling'])('is repaired to the same bits after a stop in its new %s', async (phase) => {
    const dir = join(folder, `stopped ${phase}`);
    cpSync(stuck, dir, { recursive: true });
    const stop = new AbortController();
    const onEvent = (event: FitEvent) => event.type === 'progress' && event.block.phase === phase && stop.abort();
    const { chains, verdict } = await resume(dir, { ...quick, signal: stop.signal, onEvent });
    expect(chains[2]).toMatchObject({ attempt: 1, status: 'stopped' });
    expect(verdict.sampling?.answer).toBe('no');
    await resume(dir, quick);
    expect(drawsOf(dir)).toEqual(repaired);
  });

  it('is repaired to the same bits where its start was damaged afterwards', async () => {
    const dir = join(folder, 'start damaged');
    cpSync(join(folder, 'stuck-repaired'), dir, { recursive: true });
    truncateSync(startPath(dir, 2, 1), 100);
    const notes: string[] = [];
    await resume(dir, { ...quick, onEvent: (event) => event.type === 'note' && notes.push(event.message) });
    expect(notes.join('\n')).toMatch(/chain 2: .*start-000001.*The attempt before it is sampled again/);
    expect(drawsOf(dir)).toEqual(repaired);
  });

  it('has more draws when the run is made longer', async () => {
    const dir = join(folder, 'longer');
    cpSync(join(folder, 'stuck-repaired'), dir, { recursive: true });
    const { chains } = await resume(dir, { ...quick, draws: 20, chains: 1 });
    expect(chains.map(({ draws }) => draws)).toEqual([80, 80, 80, 80, 80]);
    expect(chains[2].attempt).toBe(1);
    const d = loadRun(dir).network.dim;
    const [before, after] = [join(folder, 'stuck-repaired'), dir].map((run) =>
      [...readDraws(runPaths(run).chain(2), d)].flatMap(({ data }) => [...data]),
    );
    expect(after.slice(0, before.length)).toEqual(before);
  });
});

describe('a chain that drifts', () => {
  it('goes on warming up from where it is', async () => {
    const dir = planted(base, 'drifts', driftingAt([1], 1));
    const last = lastPosition(loadRun(dir), 1);
    const notes: string[] = [];
    expect(await beginRepairs(loadRun(dir), (note) => notes.push(note))).toEqual([1]);
    expect(notes).toEqual([
      expect.stringMatching(/^chain 1: drifts \(R-hat of its two halves [\d.]+\); warmed up further, its 60/),
    ]);
    expect(readStart(dir, 1, 1)).toEqual(last);
  });

  it('is no more than its share, the worst first', async () => {
    const dir = planted(base, 'all drift', driftingAt([0, 1, 2, 3], 1));
    const begun = await beginRepairs(loadRun(dir), () => {});
    expect(begun.length).toBe(2);
    const measures = readRepairs(dir).map(({ measure }) => measure as number);
    expect(measures[0]).toBeGreaterThanOrEqual(measures[1]);
    await runChains(dir, begun, silent);
    expect(await beginRepairs(loadRun(dir), () => {})).toEqual([]);
    expect(readRepairs(dir).length).toBe(2);
  });
});

describe('without repair', () => {
  it('a fit keeps the draws of its chains as they are', async () => {
    const off = { repair: { share: 0 } };
    const dir = planted(await sampled('off', off), 'off-stuck', stuckAt([2]));
    const before = drawsOf(dir);
    await resume(dir, quick);
    expect(drawsOf(dir)).toEqual(before);
    expect(existsSync(runPaths(dir).repairs)).toBe(false);
    expect(drawsOf(join(folder, 'off'))).toEqual(drawsOf(base));
  });

  it.each<FitConfig>([
    { sampler: { mode: 'paper' } },
    { stop: { seconds: 100 } },
    { stop: { gradients: 1e6 } },
    { stop: { plateau: 0.1 } },
    { repair: { share: 0 } },
  ])('%j', (changed) => {
    expect(repairable(resolveSpec(changed))).toBe(false);
    expect(repairable(resolveSpec({}))).toBe(true);
  });
});

it('a sound run is left alone, whatever it is asked', async () => {
  const dir = join(folder, 'sound');
  const { repairs } = await fit({ data, out: dir, config, workers: 0 });
  expect(repairs).toEqual([]);
  expect(drawsOf(dir)).toEqual(drawsOf(base));
});

it('a damaged record of repairs is named', async () => {
  const dir = join(folder, 'record');
  cpSync(join(folder, 'stuck-repaired'), dir, { recursive: true });
  writeJson(runPaths(dir).repairs, { repairs: [] });
  truncateSync(runPaths(dir).repairs, 20);
  await expect(resume(dir, quick)).rejects.toThrow(/repairs\.json: expected JSON/);
});
