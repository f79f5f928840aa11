/** A run of a table, opened with what only tables have. */
import { ofTable } from '../src/data/learned.ts';
import type { Parts } from '../src/data/split.ts';
import type { TableRows } from '../src/data/table/rows.ts';
import { type LoadedRun, loadData, loadRun } from '../src/spec/loaded-run.ts';

export function loadTable(dir: string) {
  const run = loadRun(dir);
  if (!ofTable(run.preprocessing))
    throw new TypeError(`expected a run of a table, got one of ${run.preprocessing.kind}`);
  return { ...run, preprocessing: run.preprocessing };
}

export const tableData = (run: LoadedRun) => loadData(run) as Parts<TableRows>;
