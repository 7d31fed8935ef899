import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Where `vite build` puts the page: seen from the sources, and from the compiled package. */
const candidates = [new URL('../../dist/dashboard/', import.meta.url), new URL('../../dashboard/', import.meta.url)];

/** @returns the folder of the built page, or null when it was not built. */
export function builtFiles(): string | null {
  const folder = candidates.find((candidate) => existsSync(new URL('assets/', candidate)));
  return folder ? fileURLToPath(folder) : null;
}
