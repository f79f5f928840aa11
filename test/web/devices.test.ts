/** The devices page: its pictures, its session in Node, and the page in Chromium with a software GPU. */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../../src/engine/session.ts';
import { lenet } from '../../src/models/lenet.ts';
import { dimensionOf } from '../../src/models/model.ts';
import { CLASSES, images, SIDE } from '../../web/devices/images.ts';
import { imageSession } from '../../web/devices/session.ts';
import { DIMENSION, THIN, TRAINED, WARMUP } from '../../web/devices/settings.ts';
import { complaints, openSite, type Site, SOFTWARE_GPU, SOON, violations } from './browser.ts';

/** Milliseconds for a page on a busy machine: a software GPU compiles its kernels on the processor. */
const PATIENCE = 180_000;

describe('pictures', () => {
  it('come in turn, the same from the same key, each of its own form and noise', () => {
    const [a, b] = [images([1, 2], 40), images([1, 2], 40)];
    expect(b.x).toEqual(a.x);
    expect([...a.y.subarray(0, 12)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
    const pixels = SIDE * SIDE;
    const gap = (i: number, j: number) =>
      Math.hypot(...Array.from({ length: pixels }, (_, at) => a.x[i * pixels + at] - a.x[j * pixels + at]));
    // Two independent noises of deviation 0.4 alone are 0.4 √(2 · 784) = 15.8 apart.
    expect(gap(0, CLASSES)).toBeGreaterThan(14);
  });

  it('have ink where the digit is: an eight has the most, a one the least', () => {
    const { x, y } = images([3, 4], 1000);
    const ink = new Float64Array(CLASSES);
    x.forEach((v, at) => {
      ink[y[Math.floor(at / (SIDE * SIDE))]] += v;
    });
    expect(ink.indexOf(Math.max(...ink))).toBe(8);
    expect(ink.indexOf(Math.min(...ink))).toBe(1);
  });
});

describe('a session', () => {
  it('trains, warms up, and reads more pictures right by the mean of its draws than by its start', {
    timeout: 2 * PATIENCE,
  }, async () => {
    expect(dimensionOf(lenet({ input: [1, SIDE, SIDE], classes: CLASSES }).parameters)).toBe(DIMENSION);
    const session = await imageSession((graph) => compile(graph), 1);
    expect(await session.rate(10)).toBeGreaterThan(0);
    expect(session.phase).toBe('training');
    while (session.steps < TRAINED) await session.advance();
    expect(session.phase).toBe('warming up');
    const trained = session.logDensity;
    while (session.steps < TRAINED + WARMUP) await session.advance();
    expect(session.phase).toBe('sampling');
    expect(session.mean).toBeUndefined();
    while (session.draws < 50) await session.advance();
    expect(session.steps).toBe(TRAINED + WARMUP + 50 * THIN);
    const { start, mean } = session;
    expect(start?.accuracy).toBeGreaterThan(0.6);
    expect(mean?.accuracy).toBeGreaterThan(start?.accuracy ?? 1);
    // A normal prior of d weights has its mass where the log density is about d/2 lower.
    expect((trained - session.logDensity) / (DIMENSION / 2)).toBeGreaterThan(0.8);
    expect((trained - session.logDensity) / (DIMENSION / 2)).toBeLessThan(1.2);
    await session.release();
  });
});

describe('the page', () => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite(SOFTWARE_GPU);
  });
  afterAll(() => site?.close());

  it('tries both devices', { timeout: PATIENCE }, async () => {
    const page = await site.browser.newPage();
    page.setDefaultTimeout(PATIENCE);
    const said = complaints(page);
    await page.goto(`${site.url}devices.html`);
    await page.waitForFunction(() => document.querySelectorAll('[data-device]').length === 2);
    const webgpu = page.locator('[data-device=webgpu]');
    if ((await webgpu.getAttribute('data-there')) === 'true') {
      expect(await webgpu.getAttribute('data-wrong')).toBe('');
      expect(await page.locator('.errors').count()).toBe(2);
    } else console.warn('WebGPU is not in this Chromium: its card says so, and is not tested further');
    expect(said).toEqual([]);
    await page.close();
  });

  it('says where there is no WebGPU, trains and samples all the same, and suits every width and theme', {
    timeout: 2 * PATIENCE,
  }, async () => {
    const plain = await openSite(['--disable-gpu']);
    const page = await plain.browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(PATIENCE);
    const said = complaints(page);
    const foreign: string[] = [];
    page.on('request', (request) => {
      if (!request.url().startsWith(plain.url) && !request.url().startsWith('data:')) foreign.push(request.url());
    });
    await page.goto(`${plain.url}devices.html`);
    await page.waitForFunction(() => document.querySelectorAll('[data-device]').length === 2);
    const wasm = page.locator('[data-device=wasm]');
    expect(await wasm.getAttribute('data-there')).toBe('true');
    expect(await wasm.getAttribute('data-wrong')).toBe('');
    expect(await page.locator('.errors').first().locator('dd').count()).toBe(13);
    const card = page.locator('[data-device=webgpu]');
    expect(await card.getAttribute('data-there')).toBe('false');
    expect(await card.textContent()).toContain('Not here: expected a GPU that WebGPU can reach');

    await page.getByRole('button', { name: 'Sample the posterior' }).click();
    await page.waitForFunction(() => document.querySelector('output')?.dataset.phase === 'warming up');
    expect(Number(await page.locator('[data-rate]').first().getAttribute('data-rate'))).toBeGreaterThan(0);
    await page.waitForFunction(() => Number(document.querySelector<HTMLElement>('[data-start]')?.dataset.start) > 0.6);
    expect(Number(await page.locator('svg.trace').first().getAttribute('data-points'))).toBeGreaterThan(3);
    expect(await page.locator('.pictures li').count()).toBe(10);
    expect(await page.locator('.pictures').textContent()).toMatch(/start \d, \d+ %/);

    await page.getByRole('button', { name: 'Pause' }).click();
    const standsStill = async () => {
      const before = await page.locator('output').textContent();
      await page.waitForTimeout(500);
      return (await page.locator('output').textContent()) === before;
    };
    await expect.poll(standsStill, SOON).toBe(true);
    for (const [width, colorScheme] of [
      [390, 'light'],
      [820, 'dark'],
      [1280, 'dark'],
      [1280, 'light'],
    ] as const) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      expect(await violations(page)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    }
    await page.getByRole('link', { name: 'noise gallery' }).click();
    await page.getByRole('link', { name: 'devices of this browser' }).click();
    await page.getByRole('link', { name: 'regression room' }).click();
    await page.getByRole('link', { name: 'devices of this browser' }).waitFor();
    expect(said).toEqual([]);
    expect(foreign).toEqual([]);
    await plain.close();
  });

  it('is small beside the runtime that it fetches', () => {
    const bytes = ['devices.html', 'devices.js', 'devices-worker.js', 'style.css']
      .map((file) => gzipSync(readFileSync(`dist-web/${file}`)).length)
      .reduce((sum, n) => sum + n, 0);
    expect(bytes).toBeLessThan(300_000);
  });
});
