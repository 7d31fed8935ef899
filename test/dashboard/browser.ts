import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished } from 'vitest';
import { chromiumPath, launchChromium } from '../../scripts/screenshots/chromium.ts';

/** Waits of a page, ms: generous, for machines that are busy with other things. */
export const patienceMs = 30_000;

export interface OpenOptions {
  width?: number;
  height?: number;
  theme?: 'light' | 'dark';
  /** Given to the page as if the operator had typed it in before. */
  adminToken?: string;
  /** The server will be gone for a while; Chromium notes each request that it does not take. */
  losesServer?: boolean;
}

/** What must never happen on any page; looked at when a test ends. */
interface Faults {
  errors: string[];
  strangers: string[];
  violations: string[];
}

let browser: Browser | null = null;

/**
 * Tests in a real browser. On a machine without Chromium they are skipped, with a word; in continuous integration they
 * fail there.
 */
export function describeInChromium(name: string, tests: () => void): void {
  const isMissing = chromiumPath() === null;
  if (isMissing && !process.env.CI) {
    console.warn(`Skipped, for there is no Chromium here (apt-get install chromium, or name one in CHROMIUM): ${name}`);
  }
  describe.skipIf(isMissing && !process.env.CI)(name, () => {
    beforeAll(async () => {
      browser = await launchChromium(['--enable-precise-memory-info']);
    }, 60_000);
    afterAll(async () => {
      await browser?.close();
      browser = null;
    });
    tests();
  });
}

/** Opens a page of the dashboard, in a context of its own, that is closed with the test. */
export async function open(origin: string, path: string, options: OpenOptions = {}): Promise<Page> {
  if (!browser) throw new Error('Chromium is not running: the test belongs in describeInChromium');
  const { width = 1280, height = 860, theme = 'light', adminToken, losesServer = false } = options;
  // Without gliding and fading: what a test asks for is there at once.
  const reducedMotion = 'reduce';
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, reducedMotion });
  const page = await context.newPage();
  page.setDefaultTimeout(patienceMs);
  const faults = watch(page, origin, losesServer);
  if (adminToken !== undefined) {
    await page.addInitScript((token) => sessionStorage.setItem('chorus.adminToken', token), adminToken);
  }
  onTestFinished(async () => {
    faults.violations.push(...(await violationsOf(page)));
    await context.close();
    expect(faults).toEqual({ errors: [], strangers: [], violations: [] });
  });
  await page.addInitScript(() => {
    const found: string[] = [];
    Object.assign(window, { found });
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      found.push(`${violatedDirective}: ${blockedURI}`),
    );
  });
  await page.goto(`${origin}/#/${path}`);
  return page;
}

function watch(page: Page, origin: string, losesServer: boolean): Faults {
  const faults: Faults = { errors: [], strangers: [], violations: [] };
  page.on('pageerror', (error) => faults.errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !isExpected(message.text(), losesServer)) faults.errors.push(message.text());
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.origin !== origin && url.protocol !== 'data:') faults.strangers.push(request.url());
  });
  return faults;
}

/** Chromium itself notes refusals that the page expects and puts into words: what a server does not offer, and tokens. */
const isExpected = (text: string, losesServer: boolean): boolean =>
  /the server responded with a status of (401|404|409)/.test(text) ||
  (losesServer &&
    /net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE)/.test(text));

const violationsOf = (page: Page): Promise<string[]> =>
  page.evaluate(() => (window as unknown as { found?: string[] }).found ?? []).catch(() => []);

/** Goes to another view as a link would. */
export const goTo = (page: Page, path: string): Promise<void> =>
  page.evaluate((to) => {
    location.hash = `#/${to}`;
  }, path);
