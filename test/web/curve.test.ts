/** The regression room: its network against the graph's, its session, and the page in Chromium. */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demoCsv } from '../../src/data/demo.ts';
import { compile } from '../../src/engine/session.ts';
import { normals } from '../../src/math/random.ts';
import { rootKey } from '../../src/math/threefry.ts';
import { likelihood } from '../../src/models/likelihood.ts';
import { mlp } from '../../src/models/mlp.ts';
import { bayesianNetwork, networkLogDensity, posteriorGraph } from '../../src/models/posterior.ts';
import { curveNetwork } from '../../web/curve/network.ts';
import { pointsFromCsv, pointsFromHash, pointsToHash, viewOf } from '../../web/curve/points.ts';
import { curveSession, LINE } from '../../web/curve/session.ts';
import { complaints, openSite, type Site, SOON, violations } from './browser.ts';

describe('the network in plain TypeScript', () => {
  const [chains, rows] = [3, 7];
  const network = curveNetwork([5, 4]);
  const scaling = { priorScale: 0.8, factor: 2.5 };
  const theta = new Float64Array(chains * network.dim);
  normals(rootKey(1), theta);
  const batch = { x: new Float64Array(chains * rows), y: new Float64Array(chains * rows) };
  normals(rootKey(2), batch.x);
  normals(rootKey(3), batch.y);
  const evaluate = (at: Float64Array) => {
    const [value, grad] = [new Float64Array(chains), new Float64Array(at.length)];
    network.posterior(scaling).evaluate(at, batch, value, grad);
    return { value, grad };
  };

  it('has the log density and the gradient of the graph', async () => {
    const chosen = likelihood('gaussian', 1);
    const graphed = bayesianNetwork(mlp({ inputs: 1, hidden: [5, 4], outputs: 1, activation: 'relu' }), chosen, 1);
    expect(graphed.dim).toBe(network.dim);
    const compiled = await compile(posteriorGraph(graphed, chains, rows, scaling, 'float64'));
    const density = networkLogDensity(compiled, graphed.dim, scaling);
    const [value, grad] = [new Float64Array(chains), new Float64Array(theta.length)];
    await density.evaluate(theta, batch as never, value, grad);
    const ours = evaluate(theta);
    value.forEach((v, c) => {
      expect(ours.value[c]).toBeCloseTo(v, 9);
    });
    grad.forEach((g, i) => {
      expect(Math.abs(ours.grad[i] - g)).toBeLessThan(1e-9 * (1 + Math.abs(g)));
    });
    await compiled.release();
  });

  it('has the gradient of its differences', () => {
    const { grad } = evaluate(theta);
    for (let i = 0; i < network.dim; i += 3) {
      const at = (h: number) => evaluate(theta.map((t, k) => (k === i ? t + h : t))).value[0];
      expect(grad[i]).toBeCloseTo((at(1e-5) - at(-1e-5)) / 2e-5, 4);
    }
  });
});

describe('points', () => {
  it('come from CSV with and without a header, and say which line is wrong', () => {
    expect(pointsFromCsv('x,y\n1,2\n3.5,-4\n')).toEqual([
      { x: 1, y: 2 },
      { x: 3.5, y: -4 },
    ]);
    expect(pointsFromCsv('1;2;9\n3;4;9').length).toBe(2);
    expect(() => pointsFromCsv('x,y\n1,2\n3,abc')).toThrow("expected two numbers in line 3, got '3, abc'");
    expect(() => pointsFromCsv('x,y\n')).toThrow('got none');
    expect(() => pointsFromCsv('1,\n2,3')).toThrow('in line 1');
    expect(() => pointsFromCsv(Array(301).fill('1,2').join('\n'))).toThrow('at most 300 rows, got 301');
  });

  it('survive the address bar and find their window', () => {
    const points = [
      { x: 1.25, y: -2 },
      { x: 1e4, y: 0.003 },
    ];
    expect(pointsFromHash(pointsToHash(points))).toEqual(points);
    expect(pointsFromHash('1,2;x,3;4,;5,6')).toEqual([
      { x: 1, y: 2 },
      { x: 5, y: 6 },
    ]);
    expect(viewOf([{ x: 1, y: 1 }]).x).toEqual([-5, 5]);
    const { x } = viewOf(points);
    expect(x[0]).toBeLessThan(1.25);
    expect(x[1]).toBeGreaterThan(1e4);
  });
});

describe('a session', () => {
  it('is sure where points are and not where none is', () => {
    const points = pointsFromCsv(demoCsv(1, 60));
    const line = Float64Array.from({ length: LINE }, (_, j) => -5 + j / 8);
    const session = curveSession(points, line, { sampler: 'psmile', seed: 1 });
    while (session.draws < 800) session.advance();
    const { deep, bayes } = session.said();
    const width = (x: number) => (bayes?.upper[(x + 5) * 8] ?? 0) - (bayes?.lower[(x + 5) * 8] ?? 0);
    expect(width(0.5)).toBeGreaterThan(1.25 * width(-2));
    expect(width(0.5)).toBeGreaterThan(deep.upper[44] - deep.lower[44]);
    expect(session.phase).toBe('sampling');
    const inside = points.filter(({ x, y }) => {
      const j = Math.round((x + 5) * 8);
      return y >= (bayes?.lower[j] ?? 0) && y <= (bayes?.upper[j] ?? 0);
    });
    expect(inside.length / points.length).toBeGreaterThan(0.85);
    expect(() => curveSession(points.slice(0, 2), line, { sampler: 'psmile', seed: 1 })).toThrow(
      'at least three, got 2',
    );
  });
});

describe('the page', () => {
  let site: Site;
  beforeAll(async () => {
    site = await openSite();
  });
  afterAll(() => site?.close());

  it('samples the example, adds and removes points, and shares them', async () => {
    const page = await site.browser.newPage({ viewport: { width: 1280, height: 900 } });
    const said = complaints(page);
    await page.goto(`${site.url}curve.html`);
    await page.waitForFunction(
      () => Number(document.querySelector<HTMLElement>('output')?.dataset.draws) > 40,
      undefined,
      {
        timeout: 60_000,
      },
    );
    expect(await page.locator('svg.curves').nth(1).getAttribute('data-curves')).toBe('40');
    expect(Number(await page.locator('svg.curves').nth(1).getAttribute('data-width'))).toBeGreaterThan(0);
    const points = () => page.locator('svg.curves').first().locator('circle').count();
    const before = await points();
    await page
      .locator('svg.curves')
      .first()
      .click({ position: { x: 300, y: 30 } });
    await page.waitForFunction((n) => document.querySelectorAll('svg.curves:first-of-type circle').length > n, before);
    expect(await points()).toBe(before + 1);
    await page.getByLabel('Add a point, x, y').fill('0.5, -2.5');
    await page.keyboard.press('Enter');
    await expect.poll(points, SOON).toBe(before + 2);
    const copy = await site.browser.newPage();
    await copy.goto(page.url());
    const copied = () => copy.locator('svg.curves').first().locator('circle').count();
    await expect.poll(copied, SOON).toBe(before + 2);
    await copy.close();
    await page.locator('svg.curves').first().locator('circle').first().click();
    await expect.poll(points, SOON).toBe(before + 1);
    await page.getByRole('button', { name: 'Clear points' }).click();
    await expect.poll(points, SOON).toBe(0);
    await expect.poll(() => page.locator('output').textContent(), SOON).toContain('three points are needed');
    expect(said).toEqual([]);
    await page.close();
  });

  it('takes a dropped CSV, and says what is wrong with a bad one', async () => {
    const page = await site.browser.newPage();
    await page.goto(`${site.url}curve.html`);
    const drop = (text: string) =>
      page.evaluate((content) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([content], 'points.csv', { type: 'text/csv' }));
        document
          .querySelector('main')
          ?.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
      }, text);
    await drop('a,b\n1,10\n2,oops');
    await page.waitForSelector('[role=alert]');
    expect(await page.getByRole('alert').textContent()).toContain("expected two numbers in line 3, got '2, oops'");
    await drop('a,b\n100,10\n200,20\n300,15\n400,18');
    await page.waitForFunction(() => !document.querySelector('[role=alert]'));
    await expect.poll(() => page.locator('svg.curves').first().locator('circle').count(), SOON).toBe(4);
    await page.close();
  });

  it.each([
    [390, 'light'],
    [1280, 'dark'],
  ] as const)('has no accessibility violations and no overflow at %i pixels, %s', async (width, colorScheme) => {
    const page = await site.browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    await page.goto(`${site.url}curve.html`);
    await page.waitForSelector('svg.curves circle');
    expect(await violations(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    await page.close();
  });

  it('is small', () => {
    const bytes = ['curve.html', 'curve.js', 'curve-worker.js', 'style.css']
      .map((file) => gzipSync(readFileSync(`dist-web/${file}`)).length)
      .reduce((sum, n) => sum + n, 0);
    expect(bytes).toBeLessThan(300_000);
  });
});
