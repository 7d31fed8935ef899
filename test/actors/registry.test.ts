import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClientRegistry } from '../../src/actors/registry.ts';
import { type ClientState, clientStates } from '../../src/domain/client.ts';
import { seededRandom } from '../../src/domain/random.ts';
import { type ClientEventType, clientMachine } from '../../src/machines/client.machine.ts';

const timeoutMs = 3_200;
const registryOf = (clientsMax = 10_000, seed = 1) =>
  new ClientRegistry({ clientsMax, heartbeatTimeoutMs: timeoutMs, random: seededRandom(seed), nowMs: 0 });

describe('the client registry', () => {
  it('finds a client by its id, in any case, and nobody by another', () => {
    const registry = registryOf();
    const slots = Array.from({ length: 3_000 }, () => registry.register(0, {}));
    expect(new Set(slots.map((slot) => registry.idOf(slot))).size).toBe(3_000);
    for (const slot of slots) {
      expect(registry.idOf(slot)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(registry.find(registry.idOf(slot))).toBe(slot);
      expect(registry.find(registry.idOf(slot).toUpperCase())).toBe(slot);
    }
    for (const stranger of ['', 'x', '../etc', '00000000-0000-8000-8000-000000000000', crypto.randomUUID()]) {
      expect(registry.find(stranger)).toBe(-1);
    }
  });

  it('does not take an old id for the client that has its slot now', () => {
    const registry = registryOf(1);
    const first = registry.idOf(registry.register(0, {}));
    registry.apply(0, 'leave');
    const second = registry.idOf(registry.register(0, {}));
    expect(second).not.toBe(first);
    expect(registry.find(first)).toBe(-1);
    expect(registry.find(second)).toBe(0);
  });

  it('refuses a client when it is full, and takes one again when another has left', () => {
    const registry = registryOf(2);
    expect([registry.register(0, {}), registry.register(0, {}), registry.register(0, {})]).toEqual([0, 1, -1]);
    registry.apply(1, 'leave');
    expect(registry.register(0, {})).toBe(1);
  });

  it('derives counts that equal a recount, and lets no client be in two states, whatever happens', () => {
    const step = fc.record({
      slot: fc.nat({ max: 20 }),
      event: fc.constantFrom<ClientEventType | 'register'>(...(clientMachine.events as ClientEventType[]), 'register'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const registry = registryOf();
        const model = new Map<number, ClientState>();
        for (const { slot, event } of steps) {
          if (event === 'register') model.set(registry.register(0, {}), 'waiting');
          else if (model.has(slot)) {
            const next = registry.apply(slot, event);
            if (next === 'unknown') model.delete(slot);
            else if (next !== null) model.set(slot, next);
          }
        }
        for (const state of clientStates.slice(1)) {
          const members = [...model].filter(([, each]) => each === state).map(([slot]) => slot);
          expect(registry.count(state)).toBe(members.length);
          expect([...registry.slotsIn(state)].sort()).toEqual(members.sort());
        }
        expect(registry.population).toBe([...model.values()].filter((state) => state !== 'doneAndInactive').length);
      }),
    );
  });

  it('draws distinct clients of the state, each as likely as any other', () => {
    const registry = registryOf();
    for (let client = 0; client < 10; client += 1) registry.register(0, {});
    registry.apply(3, 'select');
    const random = seededRandom(7);
    const drawn = new Map<number, number>();
    const draws = 9_000;
    for (let draw = 0; draw < draws; draw += 1) {
      const sample = registry.sample('waiting', 3, random);
      expect(new Set(sample).size).toBe(3);
      for (const slot of sample) drawn.set(slot, (drawn.get(slot) ?? 0) + 1);
    }
    expect(drawn.has(3)).toBe(false);
    // 3 of 9 each time: 3,000 expected, standard deviation 45.
    for (const count of drawn.values()) expect(Math.abs(count - draws / 3)).toBeLessThan(5 * 45);
    expect(registry.sample('waiting', 50, random)).toHaveLength(9);
  });

  it('expires a client that is silent for the timeout, at most two ticks late, and no other', () => {
    const registry = registryOf();
    const silent = registry.register(0, {});
    const alive = registry.register(0, {});
    const expired: [number, number][] = [];
    for (let nowMs = 0; nowMs <= 4 * timeoutMs; nowMs += registry.expiryTickMs) {
      registry.touch(alive, nowMs);
      registry.expire(nowMs, (slot) => {
        expired.push([slot, nowMs]);
        registry.apply(slot, 'heartbeatTimedOut');
      });
    }
    expect(expired.map(([slot]) => slot)).toEqual([silent]);
    expect(expired[0]?.[1]).toBeGreaterThanOrEqual(timeoutMs);
    expect(expired[0]?.[1]).toBeLessThanOrEqual(timeoutMs + 2 * registry.expiryTickMs);
  });

  it('goes on counting silence when the clock is set back', () => {
    const hourMs = 3_600_000;
    const registry = new ClientRegistry({
      clientsMax: 8,
      heartbeatTimeoutMs: 10_000,
      random: seededRandom(1),
      nowMs: hourMs,
    });
    const slot = registry.register(hourMs, {});
    const expired: number[] = [];
    const expireAt = (nowMs: number) => registry.expire(nowMs, (each) => expired.push(each));
    expireAt(hourMs + 5_000);
    // An hour back: it was silent for five seconds, and is for as many more.
    registry.setBack(hourMs, 5_000);
    expireAt(9_000);
    expect(expired).toEqual([]);
    for (let nowMs = 9_500; nowMs <= 13_000; nowMs += registry.expiryTickMs) expireAt(nowMs);
    expect(expired).toEqual([slot]);
  });

  it('expires a client in whatever state it is, once, and never one that is gone after it contributed', () => {
    const registry = registryOf();
    const paths: ClientEventType[][] = [
      [],
      ['select'],
      ['select', 'startTraining'],
      ['select', 'startTraining', 'trainingEnded'],
      ['select', 'evict'],
    ];
    for (const path of paths) {
      const slot = registry.register(0, {});
      for (const event of path) registry.apply(slot, event);
    }
    const expired: number[] = [];
    for (let nowMs = 0; nowMs <= 10 * timeoutMs; nowMs += registry.expiryTickMs) {
      registry.expire(nowMs, (slot) => {
        expired.push(slot);
        registry.apply(slot, 'heartbeatTimedOut');
      });
    }
    expect(expired.sort()).toEqual([0, 1, 2, 3, 4]);
    expect(registry.counts()).toMatchObject({
      waiting: 0,
      selected: 0,
      training: 0,
      done: 0,
      doneAndInactive: 1,
      ignored: 0,
    });
  });

  it('blames no client for a pause of the process itself', () => {
    const registry = registryOf();
    const slot = registry.register(0, {});
    const expired: number[] = [];
    registry.expire(10 * timeoutMs, (each) => expired.push(each));
    expect(expired).toEqual([]);
    for (let nowMs = 10 * timeoutMs; nowMs <= 12 * timeoutMs; nowMs += registry.expiryTickMs) {
      registry.expire(nowMs, (each) => {
        expired.push(each);
        registry.apply(each, 'heartbeatTimedOut');
      });
    }
    expect(expired).toEqual([slot]);
  });

  it('lets a plan change the timeout for clients that are registered already', () => {
    const registry = registryOf();
    registry.register(0, {});
    registry.setHeartbeatTimeout(320, 0);
    const expired: number[] = [];
    for (let nowMs = 0; nowMs <= 400; nowMs += registry.expiryTickMs)
      registry.expire(nowMs, (slot) => expired.push(slot));
    expect(expired).toHaveLength(1);
  });

  it('pages through clients without losing or repeating one', () => {
    const registry = registryOf();
    for (let client = 0; client < 25; client += 1) registry.register(0, {});
    registry.apply(4, 'leave');
    registry.apply(5, 'select');
    const seen: number[] = [];
    for (let from = 0; ; ) {
      const page = registry.page(from, 7, 'waiting');
      seen.push(...page);
      const last = page.at(-1);
      if (page.length < 7 || last === undefined) break;
      from = last + 1;
    }
    expect(seen).toEqual(Array.from({ length: 25 }, (_, slot) => slot).filter((slot) => slot !== 4 && slot !== 5));
  });
});
