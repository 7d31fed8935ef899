import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const candidates = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** @returns the Chromium of this machine: that of CHROMIUM, or Debian's; null when there is none. */
export function chromiumPath(): string | null {
  return [process.env.CHROMIUM ?? '', ...candidates].find((path) => path !== '' && existsSync(path)) ?? null;
}

/** Starts it without a screen. It asks nobody anything: no updates, no sync, no first-run pages. @throws there is none. */
export function launchChromium(args: readonly string[] = []): Promise<Browser> {
  const executablePath = chromiumPath();
  if (executablePath === null) throw new Error('There is no Chromium; on Debian, apt-get install chromium');
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...args,
    ],
  });
}
