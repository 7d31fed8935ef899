import { beforeAll, describe, expect, it } from 'vitest';
import { ClientRegistry } from '../../src/actors/registry.ts';
import { registryStates } from '../../src/actors/registry-states.ts';
import type { Entry } from '../../src/domain/facts.ts';
import { seededRandom } from '../../src/domain/random.ts';
import { History } from '../../src/history/history.ts';
import { createMapStates } from '../../src/history/map-states.ts';
import { adventure } from './support/adventure.ts';
import type { Scene } from './support/scene.ts';

describe('a history that a server wrote', () => {
  let scene: Scene;
  let entries: Entry[];
  beforeAll(async () => {
    scene = await adventure();
    entries = await scene.entries();
    expect(scene.crashes).toEqual([]);
  });

  it('has each kind of fact, so that what follows means something', () => {
    expect(entries.length).toBeGreaterThan(90);
    expect(new Set(entries.map(({ fact }) => fact.type)).size).toBe(19);
  });

  it('comes, fact by fact, to the counts that the server had', () => {
    const clients = createMapStates();
    const history = new History(clients);
    const countsAfter = [clients.counts()];
    for (const entry of entries) {
      history.apply(entry);
      countsAfter.push(clients.counts());
    }
    for (const [seq, { counts, facts }] of scene.countsBefore) {
      const before = countsAfter[seq - 1];
      // A client is in the registry the moment before its fact is written, since its id is made there.
      const early = entries[seq - 1]?.fact.type === 'client.registered' ? 1 : 0;
      const expected = before && { ...before, waiting: before.waiting + early };
      // What several facts tell together is applied before it is written.
      const together = countsAfter[seq - 1 + facts];
      expect([expected, together]).toContainEqual(counts);
    }
    expect(scene.countsBefore.size).toBeGreaterThan(entries.length * 0.8);
  });

  it('comes to the same in a registry and in a map, client by client', () => {
    const registry = new ClientRegistry({
      clientsMax: 100,
      heartbeatTimeoutMs: 1_000,
      random: seededRandom(1),
      nowMs: 0,
    });
    const states = registryStates(registry, () => 0);
    const clients = createMapStates();
    const [inRegistry, inMap] = [new History(states), new History(clients)];
    for (const entry of entries) {
      inRegistry.apply(entry);
      inMap.apply(entry);
      const sorted = (list: Iterable<[string, string, unknown]>) => [...list].sort(([a], [b]) => (a < b ? -1 : 1));
      expect(sorted(clients.list())).toEqual(sorted(states.list()));
      expect(clients.counts()).toEqual(registry.counts());
      expect(clients.population).toBe(registry.population);
    }
  });

  it('may begin at a checkpoint anywhere, and comes to the same', () => {
    const whole = new History(createMapStates());
    for (const [index, entry] of entries.entries()) {
      whole.apply(entry);
      const written: Entry = JSON.parse(
        JSON.stringify({
          seq: entry.seq + 1,
          atMs: entry.atMs,
          fact: { type: 'checkpoint', state: whole.checkpoint() },
        }),
      );
      const [later, fromStart] = [new History(createMapStates()), new History(createMapStates())];
      later.apply(written);
      for (const before of entries.slice(0, index + 1)) fromStart.apply(before);
      for (const after of entries.slice(index + 1)) {
        later.apply(after);
        fromStart.apply(after);
      }
      expect(comparable(later)).toEqual(comparable(fromStart));
    }
  });
});

/** A checkpoint is all that a history knows. */
const comparable = (history: History) => {
  const { clients, ...rest } = JSON.parse(JSON.stringify(history.checkpoint()));
  return { ...rest, clients: clients.sort() };
};
