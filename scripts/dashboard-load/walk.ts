import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import type { CoordinatorHandle } from '../../src/domain/handle.ts';
import { createChorus } from '../../src/index.ts';
import { launchChromium } from '../screenshots/chromium.ts';
import { startCrew } from '../screenshots/crew.ts';
import { publishEvents } from './busy-events.ts';
import { type Frames, frameTimesOf, watchFrames } from './frames.ts';
import { eventsPerSecond, memoryOf } from './page.ts';

/** Each view is looked at for so long, ms; then it is the next one's turn, over and over. */
const lookMs = 9_000;
/** Committed before the walk begins, so that every view has something to show. */
const roundsBefore = 5;
const patienceMs = 120_000;

export interface Stop {
  view: string;
  /** After `#/`. */
  path: string;
  /** What shows that the view is there. */
  ready: string;
}

/** Every view, the round and the client of the last committed round among them. */
export function everyView(handle: CoordinatorHandle): Stop[] {
  const last = handle.rounds(20).find(({ phase, kind }) => phase === 'committed' && kind === 'training');
  const { run = '', round = 0, attempt = 0 } = last ?? {};
  const client = last?.contributions[0]?.clientId ?? '';
  return [
    { view: 'run', path: 'run', ready: '.plot canvas' },
    { view: 'rounds', path: 'rounds', ready: '.rounds tbody tr' },
    { view: 'round', path: `rounds/${run}/${round}/${attempt}`, ready: '.cohort tbody tr' },
    { view: 'clients', path: 'clients', ready: '.clients tbody tr' },
    { view: 'client', path: `clients/${client}`, ready: '.client-detail tbody tr' },
    { view: 'chart of the round', path: 'charts/round', ready: '[data-chart="round"]' },
    { view: 'chart of the coordinator', path: 'charts/coordinator', ready: '[data-chart="coordinator"]' },
    { view: 'chart of a client', path: `charts/client/${client}`, ready: '[data-chart="client"]' },
    { view: 'timeline', path: 'timeline', ready: '.slider' },
    { view: 'operate', path: 'operate', ready: '.start-run .field' },
  ];
}

/** Goes from view to view as links would, and looks at each for `lookMs`, from the moment it is asked for. */
export async function walk(page: Page, stops: readonly Stop[], lookMs: number): Promise<Map<string, Frames>> {
  const seen = new Map<string, Frames>();
  for (const { view, path, ready } of stops) {
    const frames = watchFrames(page, lookMs);
    await page.evaluate((to) => {
      location.hash = `#/${to}`;
    }, path);
    await page.locator(ready).first().waitFor();
    seen.set(view, await frames);
  }
  return seen;
}

/** Walks through all views while a run goes on and events come fast; prints frames by view, and memory by lap. */
export async function measureWalk(seconds: number): Promise<void> {
  const chorus = await createChorus({
    foldThreads: 1,
    inspectPage: true,
    plan: { rounds: 1_000_000, cohortSize: 6, quorum: 2, trainingWindowMs: 10_000, evaluateEvery: 2 },
  });
  const { coordinatorUrl } = await chorus.listen({ coordinator: 0, aggregator: 0 });
  const crew = await startCrew({ url: coordinatorUrl, steady: 8, vanishing: 1, broken: 1 });
  const browser = await launchChromium();
  try {
    await committed(chorus.handle, roundsBefore);
    const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
    await page.addInitScript('globalThis.__name = (named) => named');
    await page.addInitScript((token) => sessionStorage.setItem('chorus.adminToken', token), chorus.adminToken);
    await page.goto(`${coordinatorUrl}/#/run`);
    await page.getByText('Live', { exact: true }).waitFor();
    const tools = await page.context().newCDPSession(page);
    const stops = everyView(chorus.handle);
    const end = publishEvents(chorus.handle, eventsPerSecond);
    const laps: Map<string, Frames>[] = [];
    console.log(JSON.stringify({ lap: 0, ...(await memoryOf(tools)) }));
    const untilMs = performance.now() + seconds * 1_000;
    while (performance.now() < untilMs) {
      laps.push(await walk(page, stops, lookMs));
      // Always on the same view, or it would be views that are compared.
      laps.push(await walk(page, stops.slice(0, 1), 1_000));
      console.log(JSON.stringify({ lap: laps.length / 2, ...(await memoryOf(tools)) }));
    }
    for (const { view } of stops) {
      const frames = laps.flatMap((lap) => lap.get(view) ?? []);
      console.log(JSON.stringify({ view, ...frameTimesOf(frames) }));
    }
    const all = laps.flatMap((lap) => [...lap.values()]);
    console.log(JSON.stringify({ view: 'all', sent: end(), ...frameTimesOf(all) }));
  } finally {
    await browser.close();
    await crew.stop();
    await chorus.close({ graceMs: 500 });
  }
}

async function committed(handle: CoordinatorHandle, rounds: number): Promise<void> {
  const untilMs = performance.now() + patienceMs;
  while (handle.metrics().roundsCommittedTotal < rounds) {
    if (performance.now() > untilMs) throw new Error(`No rounds to show: ${handle.status().waitingFor.summary}`);
    await sleep(200);
  }
}
