/** The run directory over HTTP, for workers that do not share the disk: who may come in, at which address, and for how long. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, isIP } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { engineError, specError } from '../errors.ts';
import { readManifest } from '../store/rundir.ts';
import { runId } from './job.ts';
import { isSame, readNonce, storeToken } from './secret.ts';
import { type Answer, answerOf } from './store-rooms.ts';

export interface StoreOptions {
  /** What fit and workers share. */
  readonly secret?: string | undefined;
  /** `host:port` to listen at, where workers reach another address, as of a proxy. Default: the address itself. */
  readonly listen?: string | undefined;
  /** Seconds without a byte after which a connection ends. Default 60. */
  readonly idleSeconds?: number | undefined;
}

export interface StoreServer {
  readonly url: string;
  /** Where it listens, as `host:port`. */
  readonly listens: string;
  close(): Promise<void>;
}

/** Milliseconds for the head of a request. A body may take as long as it keeps coming. */
const HEAD_TIME = 10_000;
const CONNECTIONS = 512;
/** Answers that are given without listening to the rest of the request. */
const UNREAD = [401, 411, 413];

/**
 * Serves `dir`, once it is a run, to those who know its token. Listens at the address of `url` only, where that is a number or localhost;
 * at all addresses where it is a name, which others may resolve elsewhere. Throws a `SpecError` for an address that is none, an
 * `EngineError` for one that cannot be had.
 */
export async function serveStore(dir: string, url: string, options: StoreOptions = {}): Promise<StoreServer> {
  const { secret, idleSeconds = 60 } = options;
  const { host, port } =
    options.listen === undefined ? placeOf(url) : placeOf(`http://${options.listen}`, '--store-listen');
  const server = createServer({ headersTimeout: HEAD_TIME, requestTimeout: 0, connectionsCheckingInterval: 2000 });
  server.maxConnections = CONNECTIONS;
  server.timeout = 1000 * idleSeconds;
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const open = isOpenTo(dir, secret, request.headers.authorization);
    const said = open ? answerOf(dir, request).catch(fault) : Promise.resolve({ status: 401 });
    void said.then((answer) => send(request, response, answer)).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    const refuse = ({ message }: Error) =>
      reject(
        engineError(
          `--store: expected to listen at ${host ?? 'all addresses'}, port ${port}, got ${message}. Choose another.`,
        ),
      );
    server.once('error', refuse).listen(port, host, resolve);
  });
  const at = server.address() as AddressInfo;
  return {
    url: url.replace(/\/$/, ''),
    listens: `${at.address}:${at.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const fault = (error: Error): Answer => ({ status: 500, body: { message: error.message } });

function placeOf(url: string, flag = '--store'): { host: string | undefined; port: number } {
  const at = URL.canParse(url) ? new URL(url) : undefined;
  if (!at || !/^https?:$/.test(at.protocol)) {
    throw specError(`${flag}: expected an address such as http://this-host:8480, got '${url}'. Correct it.`);
  }
  const host = at.hostname.replace(/^\[|\]$/g, '');
  return { host: host === 'localhost' || isIP(host) ? host : undefined, port: Number(at.port || 80) };
}

/** Nothing is asked of a request before its token, and nothing is open before the run is there. */
function isOpenTo(dir: string, secret: string | undefined, authorization = ''): boolean {
  try {
    const manifest = readManifest(dir);
    const facts = { nonce: readNonce(dir), run: runId(manifest), configHash: manifest.configHash };
    return isSame(authorization, `Bearer ${storeToken(secret, facts)}`);
  } catch {
    return false;
  }
}

async function send(request: IncomingMessage, response: ServerResponse, { status, body, file }: Answer): Promise<void> {
  if (UNREAD.includes(status)) response.setHeader('connection', 'close');
  // Else who still sends would see the connection break, and not why.
  else for await (const _ of request.iterator({ destroyOnReturn: false }));
  if (!file) {
    response.writeHead(status).end(JSON.stringify(body ?? {}));
    return;
  }
  response.writeHead(status, { 'content-length': file.length });
  await pipeline(file.content, response);
}
