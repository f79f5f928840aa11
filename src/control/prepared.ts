/** Data that a run begins with: where they come from, and what they are made into. */
import type { Learned } from '../data/learned.ts';
import type { Rows } from '../data/rows.ts';
import type { Parts } from '../data/split.ts';
import type { RowSource } from '../spec/held-out.ts';
import type { FitSpec } from '../spec/spec.ts';

export interface DataSources {
  /** Path of a table, of images or of a text; or the rows of a table as objects. */
  readonly data: RowSource;
  /** Validation and test rows of one's own, instead of a fraction of `data`; files may be named in `config` too. */
  readonly valid?: RowSource | undefined;
  readonly test?: RowSource | undefined;
  /** Bytes that a gzipped file may unpack to. Default 1e9. */
  readonly maxUnpacked?: number | undefined;
}

export interface PreparedData {
  readonly preprocessing: Learned;
  readonly data: Parts<Rows>;
  readonly notes: readonly string[];
  /** The configuration with what the data settled. */
  readonly spec: FitSpec;
  /** The data as they were named, and the checksum of them as they were given. */
  readonly source: string;
  readonly dataHash: string;
}
