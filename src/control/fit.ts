/** The main job: data in, calibrated ensemble out. */

import { type Evaluation, evaluate } from '../answers/evaluate.ts';
import { createPosteriorStore } from '../chains/posterior-store.ts';
import { checkStepping, onDevice } from '../chains/stepping.ts';
import { settleThreads } from '../chains/threads.ts';
import { ofTable } from '../data/learned.ts';
import type { Parts } from '../data/split.ts';
import type { TableRows } from '../data/table/rows.ts';
import { specError } from '../errors.ts';
import type { OnnxNetwork } from '../models/onnx/network.ts';
import { onnxBytes } from '../models/onnx/starts.ts';
import { samplerRow, usualStepSize } from '../samplers/registry.ts';
import { SMILE_NAMES, type SmileName } from '../samplers/smile.ts';
import { trainedRows, withNetwork, withOutputs } from '../spec/brought.ts';
import { loadRun, runInputs } from '../spec/loaded-run.ts';
import { networkOf, readNetworks } from '../spec/network.ts';
import { allChains } from '../spec/records.ts';
import { type FitConfig, type FitSpec, resolveSpec } from '../spec/spec.ts';
import { checkSupport } from '../spec/target-law.ts';
import { SOFTWARE } from '../spec/version.ts';
import { workersOf } from '../spec/workers.ts';
import { sha256, writeJson, writeWhole } from '../store/files.ts';
import { createRun, runPaths } from '../store/rundir.ts';
import { chooseLikelihood, type LikelihoodChoice } from './likelihood-pilot.ts';
import { membersOf, storeMembers } from './members.ts';
import { prepareData } from './prepare.ts';
import type { DataSources, PreparedData } from './prepared.ts';
import { type SuperviseOptions, supervise } from './supervise.ts';

export interface FitOptions extends SuperviseOptions, DataSources {
  /** Run directory to write. */
  readonly out: string;
  readonly config?: FitConfig;
  /** Replace an earlier run in `out`. */
  readonly force?: boolean;
}

/**
 * Fits a Bayesian ensemble: reads the data, warm-starts K members, samples around each, scores on held-out rows. The
 * whole run lies in `out` afterwards. Throws `DataError`, `SpecError` or `StoreError` for what a user can mend.
 */
export async function fit(options: FitOptions): Promise<Evaluation> {
  const { chains } = await prepareRun(options);
  await supervise(loadRun(options.out), allChains(chains), options);
  return evaluate(options.out);
}

/**
 * Writes the run directory and samples nothing: `fit` up to where chains begin. Threads are tried only where chains are to
 * run `here`; other machines have other cores.
 */
export async function prepareRun(options: FitOptions, here = options.engine === undefined): Promise<FitSpec> {
  const { out, config = {}, force = false, onEvent = () => {} } = options;
  const note = (message: string) => onEvent({ type: 'note', message });
  const asked = withNetwork(resolveSpec(config), config);
  const workers = workersOf(asked, options.workers);
  const brought = readNetworks(asked);
  const prepared = await prepareData(options, asked, brought);
  for (const message of prepared.notes) note(message);
  for (const message of brought ? trainedRows(asked) : []) note(message);
  const withSizes = fillIn(prepared.spec, config, prepared.data.train.count);
  const { spec: withModel, choice } = await decideModel(withSizes, prepared, brought, note);
  const network = networkOf(withModel, prepared.preprocessing, () => brought!);
  checkSupport({ network, preprocessing: prepared.preprocessing }, Object.values(prepared.data));
  const { spec, finding } = await settleThreads(network, withModel, workers, here ? undefined : 1);
  if (finding) note(finding);
  const bytes = brought && onnxBytes(brought);
  const inputs = runInputs(spec, prepared.preprocessing, prepared.data);
  const { members: earlier } = spec.warmStart;
  const taken = earlier === undefined ? [] : membersOf(earlier, { spec, network, ...inputs.hashes });
  if (earlier !== undefined) note(`members of ${earlier}: nothing is trained`);
  createRun(
    out,
    {
      software: SOFTWARE,
      ...inputs.hashes,
      dataHash: prepared.dataHash,
      ...(bytes && { networkHash: sha256(bytes) }),
      source: prepared.source,
    },
    force,
  );
  if (bytes) writeWhole(runPaths(out).network, bytes);
  inputs.store(out);
  if (choice) writeJson(runPaths(out).likelihood, choice);
  storeMembers(out, taken);
  await createPosteriorStore(loadRun(out), prepared.data);
  note(
    `${network.model.name}, ${network.likelihood.name} likelihood, ${network.dim} parameters, ${spec.chains} chains`,
  );
  const place = onDevice(spec, network.dim) ? ', steps on the device' : '';
  note(`${spec.sampler.name} (${spec.sampler.mode}), batch ${spec.sampler.batchSize}${place}; results in ${out}`);
  return spec;
}

/** Fills in what a table or a brought network decides: the likelihood, and what outputs are. */
async function decideModel(
  spec: FitSpec,
  { preprocessing, data }: PreparedData,
  brought: OnnxNetwork | undefined,
  note: (message: string) => void,
): Promise<{ readonly spec: FitSpec; readonly choice?: LikelihoodChoice | undefined }> {
  if (!ofTable(preprocessing)) return { spec };
  const rows = data as Parts<TableRows>;
  const choice = spec.model.likelihood === 'auto' ? await chooseLikelihood(spec, preprocessing, rows) : undefined;
  if (choice) note(choice.said);
  const withLikelihood = choice ? { ...spec, model: { ...spec.model, likelihood: choice.chosen } } : spec;
  return {
    spec: brought ? await withOutputs(withLikelihood, { preprocessing, data: rows }, brought, note) : withLikelihood,
    choice,
  };
}

/** Fills in what depends on rows and sampler: batch sizes that were left out, and the sampler's step size. */
function fillIn(spec: FitSpec, config: FitConfig, rows: number): FitSpec {
  const size = (section: 'sampler' | 'warmStart') => {
    const asked = config[section]?.batchSize;
    if (asked !== undefined && asked > rows) {
      throw specError(
        `${section}.batchSize: expected at most the ${rows} training rows, got ${asked}. Lower it, or leave it out.`,
      );
    }
    return Math.min(spec[section].batchSize, rows);
  };
  const { name, mode, stepSize = usualStepSize(name) } = spec.sampler;
  const fullGradient = samplerRow(name).fullGradient ?? false;
  if (fullGradient && (config.sampler?.batchSize ?? rows) < rows) {
    throw specError(
      `sampler.batchSize: expected all ${rows} training rows for ${name}, which needs full gradients. Leave it out.`,
    );
  }
  if (mode === 'paper' && !SMILE_NAMES.includes(name as SmileName)) {
    throw specError(
      `sampler.mode: expected sound for ${name}, got paper, which only ${SMILE_NAMES.join(', ')} have. Leave it out.`,
    );
  }
  checkStepping(spec);
  return {
    ...spec,
    sampler: { ...spec.sampler, stepSize, batchSize: fullGradient ? rows : size('sampler') },
    warmStart: { ...spec.warmStart, batchSize: size('warmStart') },
  };
}
