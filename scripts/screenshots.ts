/**
 * Photographs every view of the dashboard during a demo run, light and dark, for the docs.
 * Usage: npm run docs:screenshots [folder]
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import type { RoundRecord } from '../src/domain/handle.ts';
import { type Chorus, createChorus } from '../src/index.ts';
import { launchChromium } from './screenshots/chromium.ts';
import { startCrew } from './screenshots/crew.ts';

/** Rounds committed before the first picture: enough for curves to have a shape. */
const roundsBefore = 22;
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
  /** Clicked on first, once it is there. */
  click?: string;
  /** What must be seen before the picture is taken. */
  ready: string;
}

function shotsOf(chorus: Chorus): Shot[] {
  const rounds = chorus.handle.rounds(80).filter(({ phase }) => phase === 'committed');
  const eventful = [...rounds].sort((a, b) => reasonsIn(b) - reasonsIn(a))[0];
  const client = eventful?.contributions[0]?.clientId ?? '';
  const detail = `rounds/${eventful?.run}/${eventful?.round}/${eventful?.attempt}`;
  return [
    { name: 'run', path: 'run', sizes: ['', '-wide', '-phone'], ready: '.plot canvas' },
    { name: 'rounds', path: 'rounds', sizes: [''], ready: '.rounds tbody tr' },
    { name: 'round', path: detail, sizes: ['', '-phone'], ready: '.cohort tbody tr' },
    { name: 'clients', path: 'clients', sizes: [''], ready: '.clients tbody tr' },
    { name: 'client', path: `clients/${client}`, sizes: [''], ready: '.client-detail tbody tr' },
    { name: 'statecharts', path: 'charts/round', sizes: ['', '-phone'], ready: '.drawing svg .active' },
    { name: 'timeline', path: 'timeline', sizes: [''], click: '.entries li:nth-child(14) button', ready: '.then' },
    { name: 'operate', path: 'operate', sizes: ['', '-phone'], click: '.operation button', ready: '.tried li' },
  ];
}

/** How much there is to see in a round: for how many reasons clients were left out of it. */
const reasonsIn = ({ exclusions }: RoundRecord): number => new Set(exclusions.map(({ reason }) => reason)).size;

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
        await take(page, `${url}/#/${shot.path}`, shot);
        await page.screenshot({ path: join(folder, `dashboard-${shot.name}${size}-${theme}.png`) });
      }
      await context.close();
    }
  }
}

async function take(page: Page, url: string, { click, ready }: Shot): Promise<void> {
  await page.goto(url);
  await page.reload();
  if (click !== undefined) await page.locator(click).first().click();
  await page.locator(ready).first().waitFor({ timeout: 30_000 });
  // Charts have drawn, and the status of this moment has come.
  await page.waitForTimeout(700);
}

async function main(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const dir = await mkdtemp(join(tmpdir(), 'chorus-screenshots-'));
  const chorus = await createChorus({
    storage: { dir },
    inspectPage: true,
    foldThreads: 1,
    plan: {
      rounds: 60,
      minClients: 10,
      cohortSize: 14,
      overSelection: 1.2,
      quorum: 9,
      trainingWindowMs: 3_500,
      // On a busy machine many are late: the demo goes on all the same.
      attemptsMax: 50,
      evaluateEvery: 2,
      evaluationWindowMs: 4_000,
      stopMetric: 'accuracy',
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
    await rm(dir, { recursive: true, force: true });
  }
}

await main(process.argv[2] ?? 'docs/img');
