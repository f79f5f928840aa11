/** A fit of a network that the user brought: what it changes in the configuration, and what there is to say of it. */

import { few } from '../data/names.ts';
import type { Parts } from '../data/split.ts';
import type { Preprocessing } from '../data/table/preprocess.ts';
import type { TableRows } from '../data/table/rows.ts';
import { chosenTensors } from '../models/onnx/model.ts';
import type { OnnxNetwork } from '../models/onnx/network.ts';
import { HELD_OUT } from './held-out.ts';
import { checkNetwork, classCount } from './network.ts';
import { settleOutputs } from './network-outputs.ts';
import { checkRows } from './network-trial.ts';
import { runPrior } from './prior.ts';
import type { FitConfig, FitSpec } from './spec.ts';

/** A network that comes trained may have seen any row of the table. */
export function trainedRows({ model, data }: FitSpec): string[] {
  const unseen = HELD_OUT.filter((name) => data[`${name}File`] === undefined);
  if (unseen.length === 0) return [];
  const parts = unseen.map((name) => (name === 'valid' ? 'validation' : name));
  return [
    `${model.network} may have been trained on rows that are ${parts.join(' and ')} rows here: σ, scores, recalibration and ` +
      `conformal thresholds are then too good. Give rows that it has not seen: ${unseen.map((name) => `--${name} FILE`).join(' ')}`,
  ];
}

/** A network that comes trained gets its features as they are, and is not trained further unless asked. */
export function withNetwork(spec: FitSpec, config: FitConfig): FitSpec {
  if (spec.model.network === undefined) return spec;
  const epochs = config.warmStart?.epochs ?? 0;
  return { ...spec, data: { ...spec.data, standardise: 'none' }, warmStart: { ...spec.warmStart, epochs } };
}

/** Prior deviations from the prior's centre beyond which a weight is hardly one that the prior allows. */
const FAR = 20;

/** Sampled tensors whose given weights lie where the prior has next to nothing: it would pull the chains away from the network. */
function farWeights(network: OnnxNetwork, { model }: FitSpec): string[] {
  if (model.priorAround) return [];
  const far = chosenTensors(network, model.parameters).flatMap((tensor) => {
    const most =
      tensor.values.length > 0 ? Array.from(tensor.values).reduce((top, v) => Math.max(top, Math.abs(v)), 0) : 0;
    const deviations = most / runPrior(model, [tensor]).deviation;
    return deviations > FAR ? [`${tensor.name} (${Math.round(deviations).toLocaleString('en')})`] : [];
  });
  if (far.length === 0) return [];
  return [
    `${network.source}: weights lie up to so many prior deviations from zero: ${few(far)}. The prior pulls the chains away from them; ` +
      '--prior-around centres it at the given weights, in their units, or train the network on a standardised target',
  ];
}

/**
 * What the outputs of a brought network are becomes part of the run; `note` tells a person what was found. Throws a `ShapeError` or
 * `SpecError` where the network does not fit the data, or mixes rows.
 */
export async function withOutputs(
  spec: FitSpec,
  { preprocessing, data }: { readonly preprocessing: Preprocessing; readonly data: Parts<TableRows> },
  brought: OnnxNetwork,
  note: (message: string) => void,
): Promise<FitSpec> {
  checkNetwork(brought, preprocessing);
  await checkRows(brought);
  const { outputs, note: found } = await settleOutputs(
    brought,
    spec.model.outputs,
    data.train,
    classCount(preprocessing),
  );
  for (const message of farWeights(brought, spec)) note(message);
  for (const message of brought.notes) note(`${brought.source}: ${message}`);
  if (found) note(found);
  return { ...spec, model: { ...spec.model, outputs } };
}
