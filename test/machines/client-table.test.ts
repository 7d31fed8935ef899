import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createActor, createMachine } from 'xstate';
import { clientStates } from '../../src/domain/client.ts';
import { type ClientEvent, type ClientEventType, clientMachine } from '../../src/machines/client.machine.ts';
import { clientTable, compileTable, refused } from '../../src/machines/client-table.ts';

const nextByTable = (state: string, event: string): string | null => {
  const next =
    clientTable.next[clientTable.states.indexOf(state) * clientTable.events.length + clientTable.events.indexOf(event)];
  return next === undefined || next === refused ? null : (clientTable.states[next] ?? null);
};

describe('the client transition table', () => {
  it('agrees with the machine for every state and every event', () => {
    for (const state of clientStates) {
      for (const type of clientTable.events as ClientEventType[]) {
        const snapshot = clientMachine.resolveState({ value: state, context: {} });
        const actor = createActor(clientMachine, { snapshot }).start();
        const can = actor.getSnapshot().can({ type });
        actor.send({ type });
        expect([state, type, nextByTable(state, type)]).toEqual([state, type, can ? actor.getSnapshot().value : null]);
        if (!can) expect(actor.getSnapshot().value).toBe(state);
      }
    }
  });

  it('walks the same way as a live actor over any sequence of events', () => {
    const event = fc.constantFrom(...clientMachine.events).map((type) => ({ type }) as ClientEvent);
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const actor = createActor(clientMachine).start();
        let state = 'unknown';
        for (const step of events) {
          actor.send(step);
          state = nextByTable(state, step.type) ?? state;
          expect(actor.getSnapshot().value).toBe(state);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('says what the protocol says', () => {
    const table = Object.fromEntries(
      clientStates.map((state) => [
        state,
        Object.fromEntries(
          clientTable.events.map((type) => [type, nextByTable(state, type)]).filter(([, next]) => next !== null),
        ),
      ]),
    );
    expect(table).toEqual({
      unknown: { rendezvous: 'waiting' },
      waiting: { rendezvous: 'waiting', select: 'selected', heartbeatTimedOut: 'unknown', leave: 'unknown' },
      selected: {
        startTraining: 'training',
        rendezvous: 'ignored',
        trainingDeadlinePassed: 'ignored',
        evict: 'ignored',
        heartbeatTimedOut: 'unknown',
        leave: 'unknown',
        roundEnded: 'waiting',
      },
      training: {
        startTraining: 'training',
        trainingEnded: 'done',
        trainingFailed: 'ignored',
        rendezvous: 'ignored',
        trainingDeadlinePassed: 'ignored',
        evict: 'ignored',
        heartbeatTimedOut: 'unknown',
        leave: 'unknown',
        roundEnded: 'waiting',
      },
      done: {
        rendezvous: 'ignored',
        heartbeatTimedOut: 'doneAndInactive',
        leave: 'doneAndInactive',
        roundEnded: 'waiting',
      },
      doneAndInactive: { rendezvous: 'ignored', roundEnded: 'unknown' },
      ignored: {
        readmit: 'waiting',
        rendezvous: 'ignored',
        heartbeatTimedOut: 'unknown',
        leave: 'unknown',
        roundEnded: 'waiting',
      },
    });
  });

  it.each([
    ['a guard', { a: { on: { go: { target: 'b', guard: () => true } } }, b: {} }],
    ['an always transition', { a: { always: 'b' }, b: {} }],
    ['a delayed transition', { a: { after: { 10: 'b' } }, b: {} }],
    ['child states', { a: { initial: 'c', states: { c: {} } }, b: {} }],
    ['entry or exit actions', { a: { entry: () => undefined }, b: {} }],
    ['actions', { a: { on: { go: { target: 'b', actions: () => undefined } } }, b: {} }],
  ])('refuses to be compiled from a machine with %s', (what, states) => {
    const machine = createMachine({ id: 'odd', initial: 'a', states });
    expect(() => compileTable(machine, ['a', 'b'])).toThrow(new RegExp(`odd\\.a has ${what}`));
  });
});
