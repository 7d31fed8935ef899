import { expect, it } from 'vitest';
import { TestServer } from '../http/test-server.ts';
import { describeInChromium, open } from './browser.ts';

/** Compressed JavaScript of all views together, bytes. */
const scriptBytesMax = 250_000;
const firstPaintMsMax = 1_000;
/** Events a second, for so long, ms. */
const rate = 200;
const loadMs = 8_000;

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
    await page.locator('.drawing svg').waitFor();
    expect(scripts.some(({ url }) => url.includes('elk'))).toBe(true);
  });

  it('keeps drawing under 200 events a second, and holds no more of them than it shows', async () => {
    const server = await TestServer.forTest({ plan: { minClients: 10_000, selectionWindowMs: 600_000 } });
    const page = await open(server.coordinatorUrl, 'run');
    await page.getByText('Live', { exact: true }).waitFor();
    const publish = publisher(server);
    const everyMs = 50;
    const timer = setInterval(() => {
      for (let sent = 0; sent < (rate * everyMs) / 1_000; sent += 1) publish();
    }, everyMs);
    const gaps = await page.evaluate(framesFor, loadMs);
    clearInterval(timer);
    const slow = gaps.filter((gap) => gap > 50).length;
    // A busy machine may miss a frame or two; a page that cannot keep up misses them all the time.
    expect(slow / gaps.length).toBeLessThan(0.05);
    expect(await page.locator('.happened li').count()).toBeLessThanOrEqual(60);
  }, 60_000);
});

/** Publishes an event as a busy round would: the feed is the server's own. */
function publisher(server: TestServer): () => void {
  const feed = server.handle.events as unknown as { publish(type: string, data: Record<string, unknown>): void };
  let sent = 0;
  return () => {
    sent += 1;
    const clientId = `${String(sent).padStart(8, '0')}-0000-8000-8000-000000000000`;
    feed.publish('update.accepted', { round: 1, clientId, sha256: 'ab'.repeat(32), numExamples: sent, metrics: {} });
  };
}

/** In the page: the time between frames, ms. */
function framesFor(ms: number): Promise<number[]> {
  return new Promise((resolve) => {
    const gaps: number[] = [];
    const beganMs = performance.now();
    let lastMs = beganMs;
    const frame = (nowMs: number) => {
      gaps.push(nowMs - lastMs);
      lastMs = nowMs;
      if (nowMs - beganMs < ms) requestAnimationFrame(frame);
      else resolve(gaps.slice(1));
    };
    requestAnimationFrame(frame);
  });
}
