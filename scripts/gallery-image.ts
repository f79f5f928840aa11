/** The README's picture of the noise gallery: `npx tsx scripts/gallery-image.ts`, after `npm run build:web`. */
import { openSite } from '../test/web/browser.ts';
import { DEFAULTS, toHash } from '../web/stage/settings.ts';

const site = await openSite();
const page = await site.browser.newPage({ viewport: { width: 1180, height: 660 } });
await page.goto(`${site.url}#${toHash({ ...DEFAULTS, speed: 400 })}`);
await page.getByRole('button', { name: '4. Preconditioning' }).click();
await page.evaluate('window.smileGallery.clock.jump(7000)');
await page.waitForSelector('.claim[data-judged=true]');
await page.screenshot({ path: 'docs/gallery.png' });
await site.close();
