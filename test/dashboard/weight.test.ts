import { expect, it, onTestFinished } from 'vitest';
import { publishEvents } from '../../scripts/dashboard-load/busy-events.ts';
import { frameTimesOf } from '../../scripts/dashboard-load/frames.ts';
import { everyView, walk } from '../../scripts/dashboard-load/walk.ts';
import { TestServer } from '../http/test-server.ts';
import { describeInChromium, open } from './browser.ts';

/** Compressed JavaScript of all views together, bytes. */
const scriptBytesMax = 250_000;
const firstPaintMsMax = 1_000;
/** Events a second, and how long each view is looked at, ms. */
const rate = 200;
const lookMs = 1_000;

describeInChromium('the weight of the dashboard', () => {
  it('paints within a second, and sends the layout engine only to who looks at a statechart', async () => {
    const server = await TestServer.forTest();
    const page = await open(server.coordinatorUrl, 'run');
    const scripts: { url: string; bytes: number }[] = [];
    page.on('response', async (response) => {
      if (!response.url().endsWith('.js')) return;
      expect(response.headers()['content-encoding']).toBe('gzip');
      scripts.push({ url: response.url(), bytes: Number(response.headers()['content-length']) });
    });
    // The first visit has warmed the server, not the page: its cache is its own and empty again.
    await page.reload();
    await page.getByText('Live', { exact: true }).waitFor();
    const paintMs = await page.evaluate(
      () => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? Number.POSITIVE_INFINITY,
    );
    expect(paintMs).toBeLessThan(firstPaintMsMax);
    for (const view of ['Rounds', 'Clients', 'Timeline', 'Operate']) {
      await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: view }).click();
      await page.getByRole('main', { name: view }).locator('.card').first().waitFor();
    }
    expect(scripts.some(({ url }) => url.includes('elk'))).toBe(false);
    expect(scripts.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(scriptBytesMax);
    await page.getByRole('link', { name: 'Statecharts' }).click();
    await page.locator('.drawing svg.chart').waitFor();
    expect(scripts.some(({ url }) => url.includes('elk'))).toBe(true);
  });

  it('keeps drawing on every view under 200 events a second, and holds no more of them than it shows', async () => {
    const server = await TestServer.forTest({ inspectPage: true, plan: { rounds: 5, minClients: 3 } });
    const clients = await server.joinMany(3);
    for (const one of clients) one.stayAlive();
    for (const one of clients) await one.waitUntil('selected');
    for (const one of clients) await one.contribute([1, 2]);
    await server.event('round.committed');
    const page = await open(server.coordinatorUrl, 'run', { adminToken: server.adminToken });
    await page.getByText('Live', { exact: true }).waitFor();
    const stop = publishEvents(server.handle, rate);
    onTestFinished(() => void stop());
    const stops = everyView(server.handle);
    const seen = await walk(page, stops, lookMs);
    expect([...seen.keys()]).toEqual(stops.map(({ view }) => view));
    const { frames, over50 } = frameTimesOf([...seen.values()]);
    // A busy machine may miss a frame or two; a page that cannot keep up misses them all the time.
    expect(over50 / frames).toBeLessThan(0.1);
    await walk(page, stops.slice(0, 1), lookMs);
    expect(await page.locator('.happened li').count()).toBeLessThanOrEqual(60);
  }, 240_000);
});
