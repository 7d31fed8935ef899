import { flagOf } from '../../domain/settings.ts';
import type { DemoSettings } from './demo-settings.ts';
import type { ServerSettings } from './server-settings.ts';

/** What is wrong with a setting beyond its kind and bounds, or with two settings together. */
export interface Conflict {
  setting: keyof ServerSettings;
  message: string;
  /** The other setting of the sentence; when that one is wrong in itself, there is no conflict to speak of. */
  with?: keyof ServerSettings;
}

/** Whether only this machine can reach a listener at `host`. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

const hostNamePattern = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i;

function isOrigin(text: string): boolean {
  if (text === '*') return true;
  try {
    return new URL(text).origin === text;
  } catch {
    return false;
  }
}

/** Where something is sent to; nothing secret is in it, for it is shown. */
function isPlainUrl(text: string): boolean {
  try {
    const { protocol, username, password, search, hash } = new URL(text);
    return ['http:', 'https:'].includes(protocol) && `${username}${password}${search}${hash}` === '';
  } catch {
    return false;
  }
}

/** @returns a sentence, with the fix, for each setting of the server that cannot be as it is. */
export function serverConflicts(settings: ServerSettings): Conflict[] {
  const { host, port, aggregatorPort, allowRemote, allowedHosts, aggregatorUrl, corsOrigins, dataDir, otlpEndpoint } =
    settings;
  const conflicts: Conflict[] = [];
  const conflict = (setting: keyof ServerSettings, message: string, other?: keyof ServerSettings) =>
    conflicts.push({ setting, message, ...(other ? { with: other } : {}) });
  if (host === '') conflict('host', 'host (--host) is empty; give an address of this machine, e.g. 127.0.0.1.');
  else if (!isLoopback(host) && !allowRemote) {
    conflict(
      'host',
      `host (--host) is ${JSON.stringify(host)}, which other machines may reach, and traffic is not encrypted; add --allow-remote if that is meant, or give 127.0.0.1.`,
      'allowRemote',
    );
  }
  if (port !== 0 && port === aggregatorPort) {
    conflict(
      'aggregatorPort',
      `aggregatorPort (--aggregator-port) is ${port}, and so is port (--port); give them different ports.`,
      'port',
    );
  }
  for (const name of allowedHosts.filter((name) => !hostNamePattern.test(name))) {
    conflict(
      'allowedHosts',
      `allowedHosts (--allowed-hosts) has ${JSON.stringify(name)}, which is no host name; give names without scheme and port, e.g. chorus.example.`,
    );
  }
  for (const origin of corsOrigins.filter((origin) => !isOrigin(origin))) {
    conflict(
      'corsOrigins',
      `corsOrigins (--cors-origins) has ${JSON.stringify(origin)}, which is no origin; give scheme and host without a path, e.g. https://app.example, or *.`,
    );
  }
  if (aggregatorUrl !== null && !(aggregatorUrl.startsWith('http') && isOrigin(aggregatorUrl))) {
    conflict(
      'aggregatorUrl',
      `aggregatorUrl (--aggregator-url) is ${JSON.stringify(aggregatorUrl)}, which is no origin; give scheme, host and port without a path, e.g. https://aggregator.example.`,
    );
  }
  for (const [name, path] of Object.entries(settings.strategyModules)) {
    if (typeof path === 'string' && path !== '') continue;
    conflict(
      'strategyModules',
      `strategyModules (--strategy-modules) has ${JSON.stringify(path)} for ${JSON.stringify(name)}; give the path of a file.`,
    );
  }
  if (otlpEndpoint !== null && !isPlainUrl(otlpEndpoint)) {
    conflict(
      'otlpEndpoint',
      'otlpEndpoint (--otlp-endpoint) is no http or https URL, or holds a user name, a password, a query or a fragment; give e.g. http://127.0.0.1:4318, and headers for the collector in OTEL_EXPORTER_OTLP_HEADERS.',
    );
  }
  if (dataDir === '') conflict('dataDir', 'dataDir (--data-dir) is empty; give the name of a folder.');
  return conflicts;
}

const keepingSettings = ['durability', 'fsync', 'keepUpdates'] as const;

/**
 * Promises about what is kept, where nothing is kept. @param given names of the settings that somebody gave.
 * @returns a sentence, with the fix, for each.
 */
export function keepingConflicts(
  { storage, durability, keepUpdates }: ServerSettings,
  { demo }: DemoSettings,
  given: ReadonlySet<string>,
): Conflict[] {
  const isDemoInMemory = demo !== 'none' && !given.has('storage') && !given.has('dataDir');
  if (storage === 'memory' || isDemoInMemory) {
    const [why, fix] = isDemoInMemory
      ? ['the demo keeps nothing', 'add --data-dir with a new folder']
      : ['nothing is kept with storage "memory"', 'leave --storage memory out'];
    return keepingSettings
      .filter((setting) => given.has(setting))
      .map((setting) => ({
        setting,
        message: `${setting} (${flagOf(setting)}) says how things are kept, but ${why}; ${fix}, or leave ${flagOf(setting)} out.`,
        with: 'storage',
      }));
  }
  if (!keepUpdates || durability !== 'round') return [];
  return [
    {
      setting: 'keepUpdates',
      message:
        'keepUpdates (--keep-updates) keeps nothing with durability (--durability) "round", which writes no updates; give --durability update, or leave --keep-updates out.',
      with: 'durability',
    },
  ];
}
