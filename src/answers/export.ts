/** A run for other tools: predictions as Parquet, draws as safetensors or npz. What is watched lies in the run as zarr already. */
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { sizeOf } from '../models/model.ts';
import { predictingEnsemble } from '../spec/ensemble.ts';
import { type OpenedRun, withRun } from '../spec/opened-run.ts';
import { writeWhole } from '../store/files.ts';
import { encodeNpz } from '../store/npz.ts';
import { type StoredTensor, writeTensors } from '../store/safetensors.ts';
import { outsideRows } from './new-rows.ts';
import { predictEncoded } from './predict-rows.ts';

export const EXPORTS = ['predictions', 'draws'] as const;
export type ExportKind = (typeof EXPORTS)[number];

export type DrawFormat = 'safetensors' | 'npz';

/** Writes the chosen parts to `out` and returns their paths. */
export async function exportRun(
  dir: string,
  out: string,
  kinds: readonly ExportKind[] = EXPORTS,
  format: DrawFormat = 'safetensors',
): Promise<string[]> {
  return withRun(dir, async (run) => [
    ...(kinds.includes('predictions') ? [await exportPredictions(run, join(out, 'predictions.parquet'))] : []),
    ...(kinds.includes('draws') ? [exportDraws(run, out, format)] : []),
  ]);
}

/** A row per validation and test row: split, row of the file counted from 1, observed target, and every column of `predict`. */
async function exportPredictions(run: OpenedRun, path: string): Promise<string> {
  const { data } = run;
  const { target } = run.preprocessing;
  const columns = new Map<string, (number | string)[]>();
  const put = (name: string, value: number | string) => {
    const column = columns.get(name);
    if (column) column.push(value);
    else columns.set(name, [value]);
  };
  const ensemble = await predictingEnsemble(run);
  for (const split of ['valid', 'test'] as const) {
    const rows = await predictEncoded(run, ensemble, data[split].asked());
    const outside = outsideRows(run, data[split]);
    rows.forEach((row, i) => {
      const y = data[split].y[i];
      put('split', split);
      if (data[split].rows) put('row', data[split].rows[i]);
      put('observed', 'classes' in target ? target.classes[y] : target.mean + target.sd * y);
      for (const [name, value] of Object.entries({ ...row, outside: outside[i] })) put(name, value);
    });
  }
  const columnData = [...columns].map(([name, values]) => ({
    name,
    data: values,
    type: typeof values[0] === 'string' ? ('STRING' as const) : ('DOUBLE' as const),
  }));
  writeWhole(path, new Uint8Array(parquetWriteBuffer({ columnData })));
  return path;
}

/**
 * safetensors: `draws` `[M × d]` float32, `chain` `[M]`, and in the metadata where each parameter lies. npz: every parameter under
 * its name, `[M × shape]`, and `chain`.
 */
function exportDraws(run: OpenedRun, out: string, format: DrawFormat): string {
  const blocks = [...run.draws()];
  const d = run.network.dim;
  const members = blocks.reduce((sum, { thetas }) => sum + thetas.length / d, 0);
  const draws = new Float32Array(members * d);
  let at = 0;
  for (const { thetas } of blocks) {
    draws.set(thetas, at);
    at += thetas.length;
  }
  const chain = {
    shape: [members],
    data: Int32Array.from(blocks.flatMap(({ chain, thetas }) => new Array<number>(thetas.length / d).fill(chain))),
  };
  let offset = 0;
  const parameters = run.network.parameters.map(({ name, shape }) => {
    const entry = { name, shape, offset };
    offset += sizeOf(shape);
    return entry;
  });
  const path = join(out, `draws.${format}`);
  if (format === 'safetensors') {
    writeTensors(path, {
      tensors: { draws: { shape: [members, d], data: draws }, chain },
      metadata: { parameters: JSON.stringify(parameters) },
    });
    return path;
  }
  const arrays = parameters.map(({ name, shape, offset: from }): [string, StoredTensor] => {
    const size = sizeOf(shape);
    const data = new Float32Array(members * size);
    for (let m = 0; m < members; m++) data.set(draws.subarray(m * d + from, m * d + from + size), m * size);
    return [name, { shape: [members, ...shape], data }];
  });
  writeWhole(path, encodeNpz({ ...Object.fromEntries(arrays), chain }));
  return path;
}
