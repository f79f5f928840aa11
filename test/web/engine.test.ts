/** Networks in Chromium: the engine against Node's, and the package's entry for browsers. Reads `dist`, which the build makes. */
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BrowserDevice } from '../../src/engine/browser.ts';
import type { DeviceReport } from '../../src/engine/devices.ts';
import { compile } from '../../src/engine/session.ts';
import { built } from '../built.ts';
import { complaints, openSite, type Site, SOFTWARE_GPU } from './browser.ts';
import type { EnginePage } from './engine-page.ts';
import { NETWORKS, type NetworkName, posteriorOf } from './networks.ts';

/** Milliseconds for a page on a busy machine: a software GPU compiles its kernels on the processor. */
const PATIENCE = 360_000;

const bundle = (options: BuildOptions) =>
  build({ bundle: true, format: 'esm', platform: 'browser', metafile: true, ...options });

/** A folder that serves a page with this script, and the runtime's files beside it. */
async function folderOf(script: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'smile-engine-'));
  for (const kind of ['', '.asyncify']) {
    const file = `ort-wasm-simd-threaded${kind}.wasm`;
    copyFileSync(`node_modules/onnxruntime-web/dist/${file}`, join(folder, file));
  }
  writeFileSync(
    join(folder, 'index.html'),
    '<link rel="icon" href="data:,"><script type="module" src="page.js"></script>',
  );
  const alias = { 'smile-bayes/browser': built('browser.js') };
  await bundle({
    entryPoints: [script],
    outfile: join(folder, 'page.js'),
    alias,
    nodePaths: [resolve('node_modules')],
  });
  return folder;
}

describe('the engine in Chromium', () => {
  let site: Site;
  let page: Page;
  let said: string[];
  const reports: Partial<Record<BrowserDevice, DeviceReport<BrowserDevice>>> = {};
  beforeAll(async () => {
    site = await openSite(SOFTWARE_GPU, await folderOf('test/web/engine-page.ts'));
    page = await site.browser.newPage();
    said = complaints(page);
    await page.goto(site.url);
    for (const device of ['wasm', 'webgpu'] as const) {
      reports[device] = await page.evaluate(
        (of) => (globalThis as unknown as { engine: EnginePage }).engine.inspectDevice(of),
        device,
      );
    }
  }, PATIENCE);
  afterAll(() => site?.close());

  /** Whether this Chromium reaches no GPU, not even a software one; any other fault is a fault. */
  const lacksGpu = () => /expected a GPU that WebGPU can reach/.test(reports.webgpu?.fault ?? '');

  it('has exact functions on the processor', () => {
    expect(reports.wasm?.fault).toBeUndefined();
    for (const [name, error] of Object.entries(reports.wasm?.errors ?? {})) expect(error, name).toBeLessThan(1e-4);
  });

  it('has exact sums on WebGPU', ({ skip }) => {
    skip(lacksGpu(), reports.webgpu?.fault);
    expect(reports.webgpu?.fault).toBeUndefined();
    expect(Object.keys(reports.webgpu?.errors ?? {})).toEqual(Object.keys(reports.wasm?.errors ?? {}));
    expect(reports.webgpu?.errors.matmul).toBeLessThan(1e-4);
    expect(reports.webgpu?.errors.conv).toBeLessThan(1e-4);
  });

  // A software GPU takes half a minute for the kernels of a network: two show all kinds.
  it.for([
    ...NETWORKS.map((name) => [name, 'wasm', 1e-4] as const),
    ...(['mlp', 'lenet'] as const).map((name) => [name, 'webgpu', 1e-3] as const),
  ])('%s has the log density and gradient of Node on %s', async ([name, device, tolerance], { skip }) => {
    skip(device === 'webgpu' && lacksGpu(), reports.webgpu?.fault);
    expect(reports[device]?.fault).toBeUndefined();
    const there = await page.evaluate(
      ([of, on]) => (globalThis as unknown as { engine: EnginePage }).engine.posteriorOf(of, on),
      [name as NetworkName, device as BrowserDevice] as const,
    );
    const here = await posteriorOf(name, (graph) => compile(graph));
    here.value.forEach((v, c) => {
      expect(Math.abs(there.value[c] - v)).toBeLessThan(tolerance * Math.abs(v));
    });
    const norm = Math.hypot(...here.grad);
    expect(norm).toBeGreaterThan(1);
    expect(Math.hypot(...here.grad.map((g, i) => there.grad[i] - g))).toBeLessThan(tolerance * norm);
  });

  it('leaves nothing in the console', () => {
    expect(said).toEqual([]);
  });

  it('says which of its files is not served, and that a browser has no WebGPU', async () => {
    const lacking = await site.browser.newPage();
    await lacking.addInitScript('delete Navigator.prototype.gpu');
    await lacking.route('**/*.wasm', (route) => route.abort());
    await lacking.goto(site.url);
    const faultOf = async (device: BrowserDevice) =>
      (
        await lacking.evaluate(
          (of) => (globalThis as unknown as { engine: EnginePage }).engine.inspectDevice(of),
          device,
        )
      ).fault;
    expect(await faultOf('wasm')).toBe(
      "compile: expected the runtime's file ort-wasm-simd-threaded.wasm beside the script, got none. Serve it there.",
    );
    expect(await faultOf('webgpu')).toContain('compile: expected a browser with WebGPU, got one without');
  });
});

describe('smile-bayes/browser', () => {
  it('needs nothing of Node, and of the runtime its two modules', async () => {
    const { metafile, outputFiles } = await bundle({
      entryPoints: [built('browser.js')],
      external: ['onnxruntime-web/*'],
      write: false,
    });
    const imports = Object.values(metafile?.outputs ?? {}).flatMap((output) => output.imports.map(({ path }) => path));
    expect(imports.sort()).toEqual(['onnxruntime-web/wasm', 'onnxruntime-web/webgpu']);
    expect(outputFiles?.[0].text).not.toMatch(/['"]node:/);
    expect(outputFiles?.[0].text).not.toContain('onnxruntime-node');
  });

  it('runs the example of docs/networks.md in a page', { timeout: PATIENCE }, async () => {
    const example = readFileSync('docs/networks.md', 'utf8').match(
      /```ts\n([^`]*'smile-bayes\/browser'[\s\S]*?)```/,
    )?.[1];
    const script = join(mkdtempSync(join(tmpdir(), 'smile-docs-')), 'example.ts');
    writeFileSync(script, example ?? '');
    const site = await openSite([], await folderOf(script));
    const page = await site.browser.newPage();
    const printed = new Promise<string>((print) => {
      page.on('console', (message) => message.type() === 'log' && print(message.text()));
      page.on('pageerror', ({ message }) => print(message));
    });
    await page.goto(site.url);
    expect(await printed).toMatch(/^(wasm|webgpu) 1218 true$/);
    await site.close();
  });
});
