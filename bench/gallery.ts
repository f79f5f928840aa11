/**
 * Frames a second of the noise gallery in headless Chromium, and what a frame's drawing costs: `npx tsx bench/gallery.ts`, after
 * `npm run build:web`.
 */

import { openSite } from '../test/web/browser.ts';
import { DEFAULTS, toHash } from '../web/stage/settings.ts';

const SECONDS = 8;

const site = await openSite();
console.log('chains  gradients/s asked  had  frames/s  draw ms (median)');
for (const chains of [1, 60, 200]) {
  for (const speed of [600, 2000]) {
    const page = await site.browser.newPage({ viewport: { width: 1280, height: 900 } });
    await page.goto(`${site.url}#${toHash({ ...DEFAULTS, chains, speed })}`);
    await page.waitForTimeout(2000);
    const [frames, gradients, draw] = (await page.evaluate(`(async () => {
      const { theatre, clock } = window.smileGallery;
      const times = [];
      const draw = theatre.draw.bind(theatre);
      theatre.draw = (pictures) => { const began = performance.now(); draw(pictures); times.push(performance.now() - began); };
      const [frames, gradients] = [theatre.frames, clock.gradients];
      await new Promise((done) => setTimeout(done, ${1000 * SECONDS}));
      return [theatre.frames - frames, clock.gradients - gradients, times.sort((a, b) => a - b)[times.length >> 1]];
    })()`)) as [number, number, number];
    const had = [speed, Math.round(gradients / SECONDS)].map((v) => String(v).padStart(9)).join('  ');
    console.log(
      `${String(chains).padStart(6)}  ${had}  ${(frames / SECONDS).toFixed(1).padStart(8)}  ${draw.toFixed(1).padStart(8)}`,
    );
    await page.close();
  }
}
await site.close();
