import { setTimeout as sleep } from 'node:timers/promises';
import { createChorus } from '../../src/index.ts';
import { launchChromium } from '../screenshots/chromium.ts';

const eventsPerSecond = 200;
const publishEveryMs = 25;
const sampleEveryMs = 15_000;

interface Sample {
  second: number;
  frames: number;
  p50Ms: number;
  p99Ms: number;
  longestMs: number;
  over50: number;
  heapMB: number;
  nodes: number;
  /** Of the Run view, the oldest event that it still shows: it must move. */
  newest: string | null;
}

/** Shows a page what a very busy round publishes, and prints its frames and its memory, line by line. @param view after `#/` */
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
  await tools.send('Performance.enable');
  const feed = chorus.handle.events as unknown as { publish(type: string, data: Record<string, unknown>): void };
  let sent = 0;
  const timer = setInterval(() => {
    for (let some = 0; some < (eventsPerSecond * publishEveryMs) / 1_000; some += 1) {
      sent += 1;
      const clientId = `${String(sent).padStart(8, '0')}-0000-8000-8000-000000000000`;
      const data = { round: 1, clientId, sha256: 'ab'.repeat(32), numExamples: sent, metrics: { loss: 0.5 } };
      feed.publish('update.accepted', data);
      // A membership change now and then, as there would be: the counts of the tiles move.
      if (sent % 50 === 0) chorus.handle.rendezvous({});
      // Pages ask anew for rounds, models and the run.
      if (sent % 400 === 0) feed.publish('phase', { phase: 'training', round: 1, attempt: 1 });
    }
  }, publishEveryMs);
  for (let second = 0; second < seconds; second += sampleEveryMs / 1_000) {
    const gaps = await page.evaluate(frameGaps, sampleEveryMs - 1_000);
    await tools.send('HeapProfiler.collectGarbage');
    const { metrics } = await tools.send('Performance.getMetrics');
    const metric = (name: string) => metrics.find((one) => one.name === name)?.value ?? 0;
    const newest = await page.locator('.happened li, .glance').last().textContent();
    const sample = sampleOf(second, gaps, metric('JSHeapUsedSize'), metric('Nodes'));
    console.log(JSON.stringify({ view, ...sample, newest }));
    await sleep(500);
  }
  clearInterval(timer);
  console.log(JSON.stringify({ sent }));
  await browser.close();
  await chorus.close({ graceMs: 200 });
}

function sampleOf(second: number, gaps: readonly number[], heapBytes: number, nodes: number): Omit<Sample, 'newest'> {
  const inOrder = [...gaps].sort((a, b) => a - b);
  const at = (share: number) => Math.round((inOrder[Math.floor(share * (inOrder.length - 1))] ?? 0) * 10) / 10;
  return {
    second,
    frames: gaps.length,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    longestMs: at(1),
    over50: gaps.filter((gap) => gap > 50).length,
    heapMB: Math.round(heapBytes / 100_000) / 10,
    nodes,
  };
}

/** In the page: the time between frames, ms. */
function frameGaps(ms: number): Promise<number[]> {
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
