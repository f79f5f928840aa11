/** The run directory over HTTP, for workers that do not share the disk: read all, write a chain under its epoch. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { engineError, SmileError } from '../errors.ts';
import { pruneCheckpoints } from '../store/checkpoint.ts';
import { checkEpoch, claimChain } from '../store/claim.ts';
import { readWhole, sha256, writeWhole } from '../store/files.ts';
import { runPaths } from '../store/rundir.ts';
import { filesOf, ownerOf, sharedFiles } from './files.ts';
import type { ChainJob } from './redis.ts';

export interface StoreServer {
  /** What jobs carry of it. */
  readonly store: NonNullable<ChainJob['store']>;
  close(): Promise<void>;
}

type Answer = { status: number; body?: Uint8Array | object };

/** Serves `dir` at the port of `url`, on all interfaces. Throws an `EngineError` where the port is taken. */
export async function serveStore(dir: string, url: string): Promise<StoreServer> {
  const token = randomBytes(24).toString('hex');
  const server = createServer((request, response) => {
    void answer(dir, token, request)
      .catch((error: Error): Answer => ({ status: 500, body: { message: error.message } }))
      .then((said) => send(response, said));
  });
  const port = Number(new URL(url).port || 80);
  await new Promise<void>((resolve, reject) => {
    const refuse = ({ message }: Error) =>
      reject(engineError(`--store: expected to listen on port ${port}, got ${message}. Choose another.`));
    server.once('error', refuse).listen(port, resolve);
  });
  return {
    store: { url: url.replace(/\/$/, ''), token },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function send(response: ServerResponse, { status, body }: Answer): void {
  const bytes = body instanceof Uint8Array ? body : JSON.stringify(body ?? {});
  response.writeHead(status).end(bytes);
}

async function answer(dir: string, token: string, request: IncomingMessage): Promise<Answer> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://store');
  if (request.headers.authorization !== `Bearer ${token}`) return { status: 401 };
  const [, room, ...rest] = pathname.split('/').map(decodeURIComponent);
  const path = rest.join('/');
  switch (`${request.method} ${room}`) {
    case 'GET stop':
      return { status: 200, body: { stop: existsSync(runPaths(dir).stop) } };
    case 'POST claims':
      return { status: 200, body: { epoch: claimChain(runPaths(dir).chain(Number(path))).epoch } };
    case 'GET list': {
      const chains = (searchParams.get('chains') ?? '').split(',').map(Number);
      return { status: 200, body: [...sharedFiles(dir), ...filesOf(dir, chains).map((file) => file.path)] };
    }
    case 'GET files':
      if (ownerOf(path) === undefined || !existsSync(join(dir, path))) return { status: 404 };
      return { status: 200, body: readWhole(join(dir, path)) };
    case 'PUT files':
      return put(dir, path, request);
    default:
      return { status: 404 };
  }
}

/** Writes a file of a chain, unless it was cut on the way or the chain has been claimed since. */
async function put(dir: string, path: string, request: IncomingMessage): Promise<Answer> {
  const owner = ownerOf(path);
  if (typeof owner !== 'number') return { status: 404 };
  const bytes = await buffer(request);
  if (sha256(bytes) !== request.headers['x-sha256'])
    return { status: 400, body: { message: `${path}: cut on the way` } };
  const folder = runPaths(dir).chain(owner);
  try {
    writeWhole(join(dir, path), bytes, () => checkEpoch(folder, Number(request.headers['x-epoch'])));
  } catch (error) {
    if (!(error instanceof SmileError && error.tag === 'TakenOver')) throw error;
    return { status: 409, body: { message: error.message } };
  }
  if (dirname(path) === `chains/${owner}`) pruneCheckpoints(folder);
  return { status: 204 };
}
