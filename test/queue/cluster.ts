/** A Redis, workers and fits in processes of their own, for tests that hurt them. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

export interface Running {
  readonly process: ChildProcess;
  /** What it has said so far. */
  readonly said: () => string;
  readonly exit: Promise<number | null>;
}

const alive = new Set<ChildProcess>();

interface Surroundings {
  readonly cwd?: string | undefined;
  readonly env?: Record<string, string>;
}

function start(command: string, args: readonly string[], { cwd, env = {} }: Surroundings = {}): Running {
  const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  alive.add(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data) => (text += data));
  const exit = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)));
  void exit.then(() => alive.delete(child));
  return { process: child, said: () => text, exit };
}

/** Kills all that a test left running. */
export async function killAll(): Promise<void> {
  for (const child of alive) child.kill('SIGKILL');
  await until(() => alive.size === 0);
}

const cli = join(process.cwd(), 'dist', 'cli.js');
export const smile = (args: readonly string[], cwd?: string, env?: Record<string, string>): Running =>
  start(process.execPath, [cli, ...args], { cwd, ...(env && { env }) });

/** A Redis that keeps its jobs, on a port of its own. */
export async function redisServer(
  port: number | undefined = undefined,
  dir = mkdtempSync(join(tmpdir(), 'smile-redis-')),
  more: readonly string[] = [],
) {
  const at = port ?? (await freePort());
  const keep = ['--dir', dir, '--appendonly', 'yes', '--save', ''];
  const server = start('redis-server', ['--port', String(at), ...keep, ...more]);
  const url = `redis://127.0.0.1:${at}`;
  const command = (...words: string[]) =>
    spawnSync('redis-cli', ['-p', String(at), ...words], { encoding: 'utf8' }).stdout;
  await until(() => command('ping').startsWith('PONG'));
  return { ...server, url, command, restart: () => redisServer(at, dir) };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}

/** Waits until `is` holds; throws after a minute. */
export async function until(is: () => boolean, what = String(is)): Promise<void> {
  for (const began = performance.now(); !is(); await sleep(20)) {
    if (performance.now() - began > 60_000) throw new Error(`waited a minute for ${what}`);
  }
}
