/** The noise gallery as a visitor meets it: in Chromium, by its own numbers. Reads `dist-web`, which the build makes. */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULTS, type Settings, toHash } from '../../web/stage/settings.ts';
import { simulation } from '../../web/stage/simulation.ts';
import { TOUR } from '../../web/stage/tour.ts';
import { complaints, openSite, type Site, SOON, violations } from './browser.ts';

let site: Site;
beforeAll(async () => {
  site = await openSite();
});
afterAll(() => site?.close());

/** What the page lends to tests. */
interface Gallery {
  clock: { jump(gradients: number): void; running: boolean; theta: { left: Float64Array; right: Float64Array } };
  theatre: { frames: number };
}

async function visit(hash = '', options: Parameters<Site['browser']['newPage']>[0] = {}) {
  const page = await site.browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
  const said = complaints(page);
  await page.goto(`${site.url}${hash && `#${hash}`}`);
  await page.waitForSelector('.readout');
  return { page, said };
}

const numbers = async (page: Page, side: 'left' | 'right') => {
  const data = await page.locator(`.readout[data-side=${side}]`).evaluate((e) => ({ ...(e as HTMLElement).dataset }));
  const temperatures = (data.temperatures ?? '').split(' ').map(Number);
  return {
    gradients: Number(data.gradients),
    bias: Number(data.bias),
    stepSize: Number(data.step),
    ratio: Math.max(...temperatures) / Math.min(...temperatures),
    furthest: Math.max(...temperatures.map((t) => Math.abs(t - 1))),
  };
};

const settingOf = async (slider: Locator) => Number(await slider.getAttribute('aria-valuenow'));

const jump = (page: Page, gradients: number) =>
  page.evaluate((to) => (window as unknown as { smileGallery: Gallery }).smileGallery.clock.jump(to), gradients);

describe('the tour', () => {
  let page: Page;
  let said: string[];
  beforeAll(async () => {
    ({ page, said } = await visit());
  });
  afterAll(() => page.close());

  /** Runs a step as far as its claim asks and reads both sides. */
  async function run(k: number) {
    await page.getByRole('button', { name: `${k + 1}. ${TOUR[k].title}` }).click();
    await page.waitForFunction(() => document.querySelector('.claim')?.textContent === 'Warming up.');
    await jump(page, TOUR[k].gradients);
    await page.waitForSelector('.claim[data-judged=true]');
    expect(await page.locator('.claim').getAttribute('data-holds')).toBe('true');
    return { left: await numbers(page, 'left'), right: await numbers(page, 'right') };
  }

  it('1: without noise nothing bends', async () => {
    const { left, right } = await run(0);
    expect(left.furthest).toBeLessThan(0.1);
    expect(right.furthest).toBeLessThan(0.1);
    expect(left.bias).toBeLessThan(0.01);
  });

  it('2: isotropic noise leaves the posterior alone', async () => {
    const { left } = await run(1);
    expect(left.furthest).toBeLessThan(0.1);
    expect(left.bias).toBeLessThan(0.01);
  });

  it('3: anisotropic noise bends it, whatever the step size', async () => {
    const { left, right } = await run(2);
    expect(left.ratio).toBeGreaterThan(1.5);
    expect(right.ratio).toBeGreaterThan(1.5);
    expect(left.bias).toBeGreaterThan(0.1);
  });

  it('4: the preconditioner straightens it', async () => {
    const { left, right } = await run(3);
    expect(left.ratio).toBeGreaterThan(1.5);
    expect(Math.abs(right.ratio - 1)).toBeLessThan(0.1);
    expect(right.bias).toBeLessThan(0.01);
  });

  it('5: outlying batches drive the published tuner to small steps', async () => {
    const { left, right } = await run(4);
    expect(left.stepSize).toBeLessThan(0.025);
    expect(right.stepSize).toBeGreaterThan(0.025);
  });

  it('6: refreshment cures it too', async () => {
    const { left, right } = await run(5);
    expect(left.ratio).toBeGreaterThan(1.5);
    expect(right.ratio).toBeLessThan(1.25);
  });

  it('leaves nothing in the console', () => {
    expect(said).toEqual([]);
  });
});

describe('the page', () => {
  const { noise, left, right } = DEFAULTS;
  const refreshed = { ...left, decoherence: 1.5 };
  const strange: [string, Partial<Settings>][] = [
    ['Laplace noise that varies in space', { noise: { ...noise, law: 'laplace', tilt: 0.2 } }],
    ['heavy tails, turned', { noise: { ...noise, law: 'student-t', angle: 0.7 }, target: 'banana', left: refreshed }],
    [
      'tuned, in both modes',
      { left: { ...left, sampler: 'smile' }, right: { ...right, sampler: 'psmile', mode: 'paper' } },
    ],
    [
      'a formula, and other samplers',
      {
        target: 'formula',
        left: { ...left, sampler: 'psmile-full' },
        right: { ...right, sampler: 'sghmc', stepSize: 1e-3 },
      },
    ],
    [
      'a ring and a funnel of settings',
      { target: 'funnel', left: { ...left, sampler: 'psmile-auto' }, right: { ...right, sampler: 'mclmc' } },
    ],
  ];
  it.each(strange)('samples to the bit what Node samples: %s', async (_, changed) => {
    const settings: Settings = { ...DEFAULTS, chains: 5, ...changed };
    const { page } = await visit(toHash({ ...settings, speed: 20 }));
    await page.getByRole('button', { name: 'Pause' }).click();
    await jump(page, 2000);
    await page.waitForFunction(
      () => Number(document.querySelector<HTMLElement>('.readout')?.dataset.gradients) >= 2000,
    );
    const got = await page.evaluate(() => {
      const { left, right } = (window as unknown as { smileGallery: Gallery }).smileGallery.clock.theta;
      return { left: [...left], right: [...right] };
    });
    for (const side of ['left', 'right'] as const) {
      const here = simulation(settings, settings[side]);
      here.advance(2000);
      expect(got[side]).toEqual([...here.state.theta]);
    }
    await page.close();
  });

  it('drags the ellipse by pointer and by keys, and says so in the address', async () => {
    const { page, said } = await visit(toHash({ ...DEFAULTS, chains: 3 }));
    const handle = page.getByRole('slider', { name: /^major axis/ });
    const box = (await handle.boundingBox()) as { x: number; y: number; width: number; height: number };
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + 30, box.y - 60, { steps: 5 });
    await page.mouse.up();
    await expect.poll(() => settingOf(handle), SOON).toBeGreaterThan(25);
    const dragged = await settingOf(handle);
    const minor = page.getByRole('slider', { name: /^minor axis/ });
    await minor.focus();
    for (let k = 0; k < 4; k++) await page.keyboard.press('ArrowUp');
    await expect.poll(() => settingOf(minor), SOON).toBe(10);
    await page.keyboard.press('ArrowLeft');
    const inAddress = () => {
      const noise = new URLSearchParams(new URL(page.url()).hash.slice(1)).get('noise') ?? '';
      const [major, minorThere, angle] = noise.split(' ').map(Number);
      return [major.toFixed(1), minorThere, angle > 0.3];
    };
    await expect.poll(inAddress, SOON).toEqual([dragged.toFixed(1), 10, true]);
    const copy = await site.browser.newPage();
    await copy.goto(page.url());
    await copy.waitForSelector('.readout');
    expect(await copy.getByRole('slider', { name: /^major axis/ }).getAttribute('aria-valuenow')).toBe(String(dragged));
    expect(said).toEqual([]);
    await copy.close();
    await page.close();
  });

  it('drags the ellipse by a finger', async () => {
    const { page } = await visit(toHash({ ...DEFAULTS, chains: 3 }), { hasTouch: true });
    const handle = page.getByRole('slider', { name: /^major axis/ });
    const { x, y } = (await handle.boundingBox()) as { x: number; y: number };
    const session = await page.context().newCDPSession(page);
    const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', dx: number) =>
      session.send('Input.dispatchTouchEvent', {
        type,
        touchPoints: type === 'touchEnd' ? [] : [{ x: x + 5 + dx, y: y + 5 }],
      });
    await touch('touchStart', 0);
    for (const dx of [8, 16, 24]) await touch('touchMove', dx);
    await touch('touchEnd', 0);
    await expect.poll(() => settingOf(handle), SOON).toBeGreaterThan(25);
    await page.close();
  });

  it('chooses samplers, densities and modes', async () => {
    const { page, said } = await visit(toHash({ ...DEFAULTS, chains: 4 }));
    const sampler = page.getByLabel('Sampler', { exact: true }).first();
    for (const name of await sampler.locator('option').allTextContents()) {
      await sampler.selectOption(name);
      await page.waitForFunction(() => Number(document.querySelector<HTMLElement>('.readout')?.dataset.gradients) > 30);
    }
    for (const label of await page.getByLabel('Density', { exact: true }).locator('option').allTextContents()) {
      await page.getByLabel('Density', { exact: true }).selectOption(label);
      await page.waitForFunction(() => Number(document.querySelector<HTMLElement>('.readout')?.dataset.gradients) > 5);
    }
    expect(await page.getByRole('alert').count()).toBe(0);
    expect(said).toEqual([]);
    await page.close();
  });

  it('takes a formula, and says what is wrong with a bad one', async () => {
    const { page, said } = await visit(toHash({ ...DEFAULTS, target: 'formula', chains: 4 }));
    const box = page.getByLabel('log density of x and y');
    await box.fill('-x^2 - y^2 - wide(x)');
    await box.press('Enter');
    await page.waitForSelector('[role=alert]');
    expect(await page.getByRole('alert').textContent()).toContain("got 'wide'");
    await box.fill('-0.5*x^2 - 2*y^2');
    await box.press('Enter');
    await page.waitForFunction(() => !document.querySelector('[role=alert]'));
    await page.waitForFunction(() => Number(document.querySelector<HTMLElement>('.readout')?.dataset.gradients) > 30);
    expect(said).toEqual([]);
    await page.close();
  });

  it('stands still where less motion is asked for, until it is told to run', async () => {
    const { page } = await visit(toHash({ ...DEFAULTS, chains: 4 }), { reducedMotion: 'reduce' });
    await page.waitForTimeout(300);
    expect((await numbers(page, 'left')).gradients).toBe(0);
    await page.getByRole('button', { name: 'Run' }).click();
    await page.waitForFunction(() => Number(document.querySelector<HTMLElement>('.readout')?.dataset.gradients) > 0);
    await page.close();
  });

  it.each([
    [390, 'dark'],
    [820, 'light'],
    [1280, 'dark'],
  ] as const)('has no accessibility violations and no overflow at %i pixels, %s', async (width, colorScheme) => {
    const { page } = await visit('', { viewport: { width, height: 900 }, colorScheme });
    expect(await violations(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    await page.close();
  });

  it('loads under 300 kB compressed, from its own server alone', async () => {
    const page = await site.browser.newPage();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(site.url);
    await page.waitForSelector('.readout');
    const own = asked.filter((url) => url.startsWith('http'));
    expect(own.every((url) => url.startsWith(site.url))).toBe(true);
    const files = new Set(own.map((url) => new URL(url).pathname).map((path) => (path === '/' ? '/index.html' : path)));
    const bytes = [...files].reduce((sum, path) => sum + gzipSync(readFileSync(`dist-web${path}`)).length, 0);
    expect(files.size).toBeGreaterThanOrEqual(4);
    expect(bytes).toBeLessThan(300_000);
    await page.close();
  });
});
