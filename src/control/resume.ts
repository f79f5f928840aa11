/** Goes on with a run that was stopped or killed, or makes a finished one longer: the draws are those of a run never disturbed. */
import { rmSync } from 'node:fs';
import { stringify } from 'yaml';
import { type Evaluation, evaluate } from '../answers/evaluate.ts';
import { byStanding } from '../chains/checkpoint.ts';
import { unfinishedChains } from '../chains/goal.ts';
import { createPosteriorStore } from '../chains/posterior-store.ts';
import { withdrawStop } from '../chains/stop.ts';
import { specError, storeError } from '../errors.ts';
import { samplerRow } from '../samplers/registry.ts';
import { type LoadedRun, loadData, loadRun } from '../spec/loaded-run.ts';
import type { FitSpec } from '../spec/spec.ts';
import { SOFTWARE } from '../spec/version.ts';
import { sha256, sweep, writeWhole } from '../store/files.ts';
import { readManifest, runPaths, updateManifest } from '../store/rundir.ts';
import { mend } from './mend.ts';
import { type SuperviseOptions, supervise } from './supervise.ts';

export interface ResumeOptions extends SuperviseOptions {
  /** More draws of every chain than the run was to have. */
  readonly draws?: number | undefined;
  /** More chains than the run was to have, each with its own warm start. */
  readonly chains?: number | undefined;
}

/** Throws a `StoreError` for what is no run or was changed by hand, a `SpecError` for a sampler that cannot be made longer. */
export async function resume(dir: string, options: ResumeOptions = {}): Promise<Evaluation> {
  const { draws = 0, chains = 0, onEvent = () => {} } = options;
  const note = (message: string) => onEvent({ type: 'note', message });
  checkSoftware(dir);
  sweep(dir);
  settleConfig(loadRun(dir));
  sweep(runPaths(dir).posterior, { prefix: 'zarr.json', below: true });
  if (draws > 0 || chains > 0) lengthen(loadRun(dir), draws, chains);
  const run = loadRun(dir);
  const data = loadData(run);
  await createPosteriorStore(run, data);
  await mend(run, data, note);
  const groups = byStanding(run, unfinishedChains(run), (chain, damage) =>
    note(`chain ${chain}: ${damage} The checkpoint before it is used.`),
  );
  for (const [place, list] of groups) note(`chain${list.length > 1 ? 's' : ''} ${list.join(', ')}: from ${place}`);
  if (groups.size === 0) note('every chain has all its draws');
  withdrawStop(dir);
  rmSync(runPaths(dir).progressFolder, { recursive: true, force: true });
  await supervise(run, [...groups.values()].flat(), options);
  return evaluate(dir);
}

/** Another version of the software would mix two runs. */
function checkSoftware(dir: string): void {
  const { software } = readManifest(dir);
  if (software === SOFTWARE) return;
  throw storeError(
    `${runPaths(dir).manifest}: expected a run of ${SOFTWARE}, got one of ${software}. Go on with that version, or fit anew.`,
  );
}

/** The manifest forgets of which of two configurations it might have been, where a kill fell while the run was made longer. */
function settleConfig({ dir, manifest: { configHash, nextConfigHash } }: LoadedRun): void {
  if (nextConfigHash) updateManifest(dir, { configHash, nextConfigHash: undefined });
}

function lengthen({ dir, spec }: LoadedRun, draws: number, chains: number): void {
  if (draws > 0 && samplerRow(spec.sampler.name).planned) {
    throw specError(
      `--draws: expected a sampler that can go on, got ${spec.sampler.name}, whose cycles are planned for its steps. Fit anew with more.`,
    );
  }
  const { sampler } = spec;
  const longer: FitSpec = {
    ...spec,
    chains: spec.chains + chains,
    sampler: { ...sampler, steps: sampler.steps + draws * sampler.thin },
  };
  const text = stringify(longer);
  const configHash = sha256(text);
  // Wherever a kill falls, the manifest knows the configuration that is there.
  updateManifest(dir, { nextConfigHash: configHash });
  writeWhole(runPaths(dir).config, text);
  updateManifest(dir, { configHash, nextConfigHash: undefined });
}
