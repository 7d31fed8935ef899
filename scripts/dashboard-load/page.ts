import { setTimeout as sleep } from 'node:timers/promises';
import type { CDPSession } from 'playwright-core';
import { createChorus } from '../../src/index.ts';
import { launchChromium } from '../screenshots/chromium.ts';
import { publishEvents } from './busy-events.ts';
import { frameTimesOf, tenths, watchFrames } from './frames.ts';

export const eventsPerSecond = 200;
const sampleEveryMs = 15_000;

/** Shows one view what a very busy round publishes, and prints its frames and its memory, line by line. @param view after `#/` */
export async function measurePage(seconds: number, view: string): Promise<void> {
  const chorus = await createChorus({ foldThreads: 1, plan: { minClients: 10_000, selectionWindowMs: 86_400_000 } });
  const { coordinatorUrl } = await chorus.listen({ coordinator: 0, aggregator: 0 });
  const browser = await launchChromium();
  const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
  // tsx names functions by a helper that the page does not have.
  await page.addInitScript('globalThis.__name = (named) => named');
  await page.addInitScript((token) => sessionStorage.setItem('chorus.adminToken', token), chorus.adminToken);
  await page.goto(`${coordinatorUrl}/#/${view}`);
  await page.getByText('Live', { exact: true }).waitFor();
  const tools = await page.context().newCDPSession(page);
  const stop = publishEvents(chorus.handle, eventsPerSecond);
  for (let second = 0; second < seconds; second += sampleEveryMs / 1_000) {
    const frames = await watchFrames(page, sampleEveryMs - 1_000);
    // Of the Run view, the newest event that it shows: it must move.
    const newest = await page.locator('.happened li, .glance').last().textContent();
    console.log(JSON.stringify({ view, second, ...frameTimesOf([frames]), ...(await memoryOf(tools)), newest }));
    await sleep(500);
  }
  console.log(JSON.stringify({ sent: stop() }));
  await browser.close();
  await chorus.close({ graceMs: 200 });
}

/** What the page holds once all that nobody needs is collected. */
export async function memoryOf(tools: CDPSession): Promise<{ heapMB: number; nodes: number }> {
  await tools.send('Performance.enable');
  await tools.send('HeapProfiler.collectGarbage');
  const { metrics } = await tools.send('Performance.getMetrics');
  const metric = (name: string) => metrics.find((one) => one.name === name)?.value ?? 0;
  return { heapMB: tenths(metric('JSHeapUsedSize') / 1_000_000), nodes: metric('Nodes') };
}
