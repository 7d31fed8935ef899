import { readFileSync } from 'node:fs';

/** From the sources the package is one folder up, from the compiled files two. */
const candidates = ['../package.json', '../../package.json'];

/** @returns the version of this package. */
export function packageVersion(): string {
  for (const candidate of candidates) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(candidate, import.meta.url), 'utf8'));
      if (name === 'chorus-fl') return String(version);
    } catch {
      // Not there; the next one is.
    }
  }
  return 'unknown';
}
