/** What the store answers to one who may come in: read all of the run, write the files of a chain under its epoch. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { filesCounted } from '../chains/checkpointed.ts';
import { SmileError, storeError } from '../errors.ts';
import { checkpointPaths, pruneCheckpoints } from '../store/checkpoint.ts';
import { checkEpoch, claimChain } from '../store/claim.ts';
import { readWhole, receiveWhole } from '../store/files.ts';
import { pruneHeld } from '../store/held.ts';
import { runPaths } from '../store/rundir.ts';
import { readTensors } from '../store/safetensors.ts';
import { filesOf, ownerOf, sharedFiles } from './files.ts';

export interface Answer {
  readonly status: number;
  readonly body?: object;
  readonly file?: { readonly content: AsyncIterable<Uint8Array>; readonly length: number };
}

/** Bytes of the largest file that is taken. */
const LARGEST = 2 ** 32;

const refused = (status: number, message: string): Answer => ({ status, body: { message } });

export async function answerOf(dir: string, request: IncomingMessage): Promise<Answer> {
  const asked = addressOf(request.url);
  if (!asked) return refused(400, 'expected an address of the store');
  const { room, path, chains } = asked;
  const isChain = (chain: number) => Number.isInteger(chain) && chain >= 0 && chain < chainCount(dir);
  switch (`${request.method} ${room}`) {
    case 'GET stop':
      return { status: 200, body: { stop: existsSync(runPaths(dir).stop) } };
    case 'POST claims': {
      const chain = chainOf(path);
      if (!isChain(chain)) return refused(404, `claims/${path}: expected a chain of the run`);
      return { status: 200, body: { epoch: claimChain(runPaths(dir).chain(chain)).epoch } };
    }
    case 'GET list': {
      const wanted = chains.split(',').map(chainOf);
      if (!wanted.every(isChain)) return refused(400, `chains=${chains}: expected chains of the run`);
      return { status: 200, body: [...sharedFiles(dir), ...filesOf(dir, wanted).map((file) => file.path)] };
    }
    case 'GET files':
      if (ownerOf(path) === undefined || !existsSync(join(dir, path))) return { status: 404 };
      return { status: 200, file: await fileOf(join(dir, path)) };
    case 'PUT files': {
      const owner = ownerOf(path);
      if (typeof owner !== 'number' || !isChain(owner)) return { status: 404 };
      return put(dir, path, owner, request);
    }
    default:
      return { status: 404 };
  }
}

/** The parts of `/room/path?chains=…`; undefined for what is no address. */
function addressOf(url = '/'): { room: string; path: string; chains: string } | undefined {
  try {
    const { pathname, searchParams } = new URL(url, 'http://store');
    const [, room = '', ...rest] = pathname.split('/').map(decodeURIComponent);
    return { room, path: rest.join('/'), chains: searchParams.get('chains') ?? '' };
  } catch {
    return undefined;
  }
}

const chainOf = (text: string): number => (/^\d{1,9}$/.test(text) ? Number(text) : Number.NaN);

/** As the run is configured now: it may be given more. */
const chainCount = (dir: string): number =>
  (parse(new TextDecoder().decode(readWhole(runPaths(dir).config))) as { chains: number }).chains;

async function fileOf(path: string): Promise<NonNullable<Answer['file']>> {
  const file = await open(path);
  const { size } = await file.stat();
  return { content: file.createReadStream(), length: size };
}

/** Writes a file of a chain, unless it was cut on the way or the chain has been claimed since. */
async function put(dir: string, path: string, owner: number, request: IncomingMessage): Promise<Answer> {
  const { 'content-length': length, 'x-epoch': epoch, 'x-sha256': stated } = request.headers;
  if (length === undefined) return refused(411, `${path}: expected its length`);
  if (Number(length) > LARGEST) return refused(413, `${path}: expected at most ${LARGEST} bytes, got ${length}`);
  const folder = runPaths(dir).chain(owner);
  const hash = createHash('sha256');
  const cut = storeError(`${path}: expected the bytes that were sent, got others. It was cut on the way.`);
  const check = () => {
    if (hash.digest('hex') !== stated) throw cut;
    checkEpoch(folder, Number(epoch));
  };
  try {
    checkEpoch(folder, Number(epoch));
    await receiveWhole(join(dir, path), hashed(request, hash), check);
  } catch (error) {
    if (error === cut) return refused(400, cut.message);
    if (error instanceof SmileError && error.tag === 'TakenOver') return refused(409, error.message);
    throw error;
  }
  if (dirname(path) === `chains/${owner}`) prune(folder);
  return { status: 204 };
}

/** Removes checkpoints that were passed, and held draws that no checkpoint left counts on. */
function prune(folder: string): void {
  pruneCheckpoints(folder);
  const counted = checkpointPaths(folder).map(filesIn);
  pruneHeld(folder, ({ files }) => counted.every((written) => files < written));
}

function filesIn(checkpoint: string): number {
  try {
    return filesCounted(JSON.parse(readTensors(checkpoint).metadata.facts));
  } catch {
    return 0;
  }
}

async function* hashed(request: IncomingMessage, hash: ReturnType<typeof createHash>) {
  for await (const piece of request.iterator({ destroyOnReturn: false })) {
    hash.update(piece);
    yield piece;
  }
  // What is left is for the disk, which may take its time.
  request.setTimeout(0);
}
