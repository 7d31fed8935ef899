import { readFileSync } from 'node:fs';
import { arch, cpus, loadavg, platform, totalmem } from 'node:os';

/** Where it is measured. The load is that of the last minute, before the benchmark begins. */
export const machine = (): Record<string, string | number> => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  platform: `${platform()} ${arch()}`,
  loadAverage: Number((loadavg()[0] ?? 0).toFixed(2)),
});

/** @param folder of a package, from this repository's root. */
function versionIn(folder: string): string {
  const text = readFileSync(new URL(`../../${folder}package.json`, import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** Of what the figures depend on. */
export const versions: Record<string, string> = {
  chorus: versionIn(''),
  node: process.versions.node,
  v8: process.versions.v8,
  openssl: process.versions.openssl,
  fastify: versionIn('node_modules/fastify/'),
  piscina: versionIn('node_modules/piscina/'),
  xstate: versionIn('node_modules/xstate/'),
};
