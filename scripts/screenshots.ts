/**
 * Photographs every view of the dashboard during a demo run, light and dark, for the docs.
 * Usage: npm run docs:screenshots [folder]
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { type Chorus, createChorus } from '../src/index.ts';
import { launchChromium } from './screenshots/chromium.ts';
import { startCrew } from './screenshots/crew.ts';

/** Rounds committed before the first picture: enough for curves to have a shape. */
const roundsBefore = 14;
const patienceMs = 240_000;

const sizes = {
  '': { width: 1280, height: 860 },
  '-wide': { width: 1920, height: 1080 },
  '-phone': { width: 360, height: 780 },
} as const;

type Size = keyof typeof sizes;

interface Shot {
  name: string;
  /** After `#/`. */
  path: string;
  sizes: readonly Size[];
  /** What must be seen before the picture is taken. */
  ready: string;
}

function shotsOf(chorus: Chorus): Shot[] {
  const rounds = chorus.handle.rounds(40);
  const eventful = rounds.find(({ phase, exclusions }) => phase === 'committed' && exclusions.length > 1) ?? rounds[0];
  const client = eventful?.contributions[0]?.clientId ?? '';
  const detail = `rounds/${eventful?.run}/${eventful?.round}/${eventful?.attempt}`;
  return [
    { name: 'run', path: 'run', sizes: ['', '-wide', '-phone'], ready: '.plot canvas' },
    { name: 'rounds', path: 'rounds', sizes: [''], ready: '.rounds tbody tr' },
    { name: 'round', path: detail, sizes: ['', '-phone'], ready: '.cohort tbody tr' },
    { name: 'clients', path: 'clients', sizes: [''], ready: '.clients tbody tr' },
    { name: 'client', path: `clients/${client}`, sizes: [''], ready: '.client-detail tbody tr' },
    { name: 'statecharts', path: 'charts/round', sizes: ['', '-phone'], ready: '.drawing svg .active' },
    { name: 'timeline', path: 'timeline', sizes: [''], ready: '.slider, .empty' },
    { name: 'operate', path: 'operate', sizes: ['', '-phone'], ready: '.start-run .field' },
  ];
}

async function photograph(browser: Browser, chorus: Chorus, url: string, folder: string): Promise<void> {
  for (const theme of ['light', 'dark'] as const) {
    for (const [size, viewport] of Object.entries(sizes) as [Size, (typeof sizes)[Size]][]) {
      const isMobile = size === '-phone';
      const deviceScaleFactor = isMobile ? 2 : 1;
      const context = await browser.newContext({ viewport, colorScheme: theme, deviceScaleFactor, isMobile });
      // As an operator who has given the token.
      await context.addInitScript((token) => sessionStorage.setItem('chorus.adminToken', token), chorus.adminToken);
      const page = await context.newPage();
      for (const shot of shotsOf(chorus).filter((one) => one.sizes.includes(size))) {
        await take(page, `${url}/#/${shot.path}`, shot.ready);
        await page.screenshot({ path: join(folder, `dashboard-${shot.name}${size}-${theme}.png`) });
      }
      await context.close();
    }
  }
}

async function take(page: Page, url: string, ready: string): Promise<void> {
  await page.goto(url);
  await page.reload();
  await page.locator(ready).first().waitFor({ timeout: 30_000 });
  // Charts have drawn, and the status of this moment has come.
  await page.waitForTimeout(700);
}

async function main(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const chorus = await createChorus({
    inspectPage: true,
    foldThreads: 1,
    plan: {
      rounds: 60,
      minClients: 10,
      cohortSize: 12,
      overSelection: 1.25,
      quorum: 6,
      trainingWindowMs: 2_600,
      selectionWindowMs: 20_000,
      heartbeatIntervalMs: 1_000,
      heartbeatTimeoutMs: 2_200,
    },
  });
  const { coordinatorUrl } = await chorus.listen({ coordinator: 0, aggregator: 0 });
  const crew = await startCrew({ url: coordinatorUrl, steady: 18, vanishing: 2, broken: 1 });
  const browser = await launchChromium();
  try {
    const until = Date.now() + patienceMs;
    while (chorus.handle.metrics().roundsCommittedTotal < roundsBefore) {
      if (Date.now() > until)
        throw new Error(`The demo did not come far: ${chorus.handle.status().waitingFor.summary}`);
      await sleep(200);
    }
    await photograph(browser, chorus, coordinatorUrl, folder);
  } finally {
    await browser.close();
    await crew.stop();
    await chorus.close({ graceMs: 500 });
  }
}

await main(process.argv[2] ?? 'docs/img');
