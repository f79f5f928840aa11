/** zarr v3 on disk, every chunk under a temporary name first. Not synced: whoever needs certainty keeps checksums and the source. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as zarr from 'zarrita';
import { storeError } from '../errors.ts';
import { writeWhole } from './files.ts';

export interface ZarrArray {
  /** Group and name, such as `posterior/log_likelihood`. */
  readonly path: string;
  readonly shape: readonly number[];
  readonly chunk: readonly number[];
  readonly dimensions: readonly string[];
  readonly type: 'float32' | 'float64';
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** `check` is asked before each file gets its name, as of `writeWhole`. */
function wholeStore(dir: string, check?: () => void) {
  return {
    async get(key: string): Promise<Uint8Array | undefined> {
      const path = join(dir, key);
      return existsSync(path) ? readFileSync(path) : undefined;
    },
    async set(key: string, value: Uint8Array): Promise<void> {
      writeWhole(join(dir, key), value, check, { sync: false });
    },
  };
}

/** Writes the metadata of groups and arrays; chunks that are there stay. Elements without a chunk read as NaN. */
export async function writeMetadata(
  dir: string,
  groups: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  arrays: readonly ZarrArray[],
): Promise<void> {
  const root = zarr.root(wholeStore(dir));
  for (const [path, attributes] of Object.entries(groups)) await zarr.create(root.resolve(path), { attributes });
  for (const { path, shape, chunk, dimensions, type, attributes = {} } of arrays) {
    await zarr.create(root.resolve(path), {
      attributes,
      shape: [...shape],
      chunkShape: [...chunk],
      dtype: type,
      dimensionNames: [...dimensions],
      fillValue: Number.NaN,
      codecs: [
        { name: 'bytes', configuration: { endian: 'little' } },
        { name: 'zstd', configuration: { level: 3, checksum: false } },
      ],
    });
  }
}

/** Writes `data`, row-major, to the region that begins at `start` and has the shape `shape`: whole chunks, but for the array's edge. */
export async function writeRegion(
  dir: string,
  path: string,
  start: readonly number[],
  shape: readonly number[],
  data: Float32Array | Float64Array,
  check?: () => void,
): Promise<void> {
  const array = await zarr.open.v3(zarr.root(wholeStore(dir, check)).resolve(path), { kind: 'array' });
  const stride = shape.map((_, axis) => shape.slice(axis + 1).reduce((size, n) => size * n, 1));
  const region = start.map((from, axis) => zarr.slice(from, from + shape[axis]));
  await zarr.set(array as zarr.Array<'float32' | 'float64', ReturnType<typeof wholeStore>>, region, {
    data,
    shape: [...shape],
    stride,
  });
}

/** The numbers of a whole array, row-major, and its shape. Throws a `StoreError` where it is missing or damaged. */
export async function readArray(
  dir: string,
  path: string,
): Promise<{ data: Float32Array | Float64Array; shape: number[] }> {
  try {
    const array = await zarr.open.v3(zarr.root(wholeStore(dir)).resolve(path), { kind: 'array' });
    const { data, shape } = await zarr.get(array as zarr.Array<'float32' | 'float64', ReturnType<typeof wholeStore>>);
    return { data, shape };
  } catch (cause) {
    throw storeError(
      `${join(dir, path)}: expected a zarr array, got ${(cause as Error).message}. Run smile resume, which makes it again.`,
      { cause },
    );
  }
}

/** The shape of an array; undefined where it is missing or damaged. */
export async function arrayShape(dir: string, path: string): Promise<readonly number[] | undefined> {
  const opened = zarr.open.v3(zarr.root(wholeStore(dir)).resolve(path), { kind: 'array' });
  return opened.then(
    ({ shape }) => shape,
    () => undefined,
  );
}
