import { readFileSync } from 'node:fs';

/** From the sources the package is two folders up, from the compiled files three. */
const candidates = ['../../package.json', '../../../package.json'];

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
