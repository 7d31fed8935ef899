/** The coordinator without ports, reached through its handle. Needs `--expose-gc`. */
import { compiled } from '../support/compiled.ts';
import { timed } from '../support/measure.ts';
import { programSettings, serveCommands } from './serve-commands.ts';

const { createCore } = await compiled<typeof import('../../src/core.ts')>('core');
const { seededRandom } = await compiled<typeof import('../../src/domain/random.ts')>('domain/random');
const { clients } = programSettings<{ clients: number }>();
const { handle } = await createCore({
  aggregator: 'inline',
  autoStart: false,
  clientsMax: clients,
  plan: { heartbeatTimeoutMs: 86_400_000 },
});
const pageSize = 1_000;

/** What is in use once all garbage is collected: JavaScript's heap and the arrays outside of it. */
function usedBytes(): { used: number; rss: number } {
  for (let turn = 0; turn < 3; turn += 1) globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { used: heapUsed + external, rss };
}

/** In no order: neighbours do not share cache lines. */
function shuffledIds(): string[] {
  const ids: string[] = [];
  for (let cursor: string | null = '0'; cursor !== null; ) {
    const page = handle.clients({ limit: pageSize, cursor });
    for (const { clientId } of page.clients) ids.push(clientId);
    cursor = page.cursor;
  }
  const random = seededRandom(1);
  for (let last = ids.length - 1; last > 0; last -= 1) {
    const other = random.below(last + 1);
    [ids[last], ids[other]] = [ids[other] ?? '', ids[last] ?? ''];
  }
  return ids;
}

let ids: string[] = [];

serveCommands({
  /** @returns bytes per client, and how long it took, ms */
  register: async () => {
    const before = usedBytes();
    const ms = await timed(() => {
      for (let client = 0; client < clients; client += 1) handle.rendezvous();
    });
    const after = usedBytes();
    return { ms, used: (after.used - before.used) / clients, rss: (after.rss - before.rss) / clients };
  },
  shuffle: () => {
    ids = shuffledIds();
    return ids.length;
  },
  /** One heartbeat of each client. @returns ms */
  beats: () =>
    timed(() => {
      for (const id of ids) handle.heartbeat(id);
    }),
});
