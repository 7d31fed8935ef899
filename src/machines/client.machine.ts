import { setup } from 'xstate';

/** What can happen to a client. Past tense: a fact; imperative: the coordinator decides it. */
export type ClientEvent =
  | { type: 'rendezvous' }
  | { type: 'select' }
  | { type: 'startTraining' }
  | { type: 'trainingEnded' }
  | { type: 'trainingFailed' }
  | { type: 'trainingDeadlinePassed' }
  | { type: 'evict' }
  | { type: 'readmit' }
  | { type: 'heartbeatTimedOut' }
  | { type: 'leave' }
  | { type: 'roundEnded' };

export type ClientEventType = ClientEvent['type'];

/**
 * The life of one client. It is flat and unguarded on purpose: a registry of a million clients cannot hold a million
 * actors, so this machine is compiled at start-up into a transition table (see `client-table.ts`). What the machine
 * does not list is refused and changes nothing.
 */
export const clientMachine = setup({
  types: {} as { events: ClientEvent },
}).createMachine({
  id: 'client',
  initial: 'unknown',
  states: {
    unknown: {
      description: 'Not registered.',
      on: { rendezvous: 'waiting' },
    },
    waiting: {
      description: 'Registered, and may be selected.',
      on: {
        select: 'selected',
        heartbeatTimedOut: 'unknown',
        leave: 'unknown',
        rendezvous: { description: 'It restarted; nothing was lost.', target: 'waiting' },
      },
    },
    selected: {
      description: 'In the cohort, has not started yet.',
      on: {
        startTraining: 'training',
        rendezvous: { description: 'It restarted: out of this round.', target: 'ignored' },
        trainingDeadlinePassed: 'ignored',
        evict: 'ignored',
        heartbeatTimedOut: 'unknown',
        leave: 'unknown',
        roundEnded: 'waiting',
      },
    },
    training: {
      description: 'Holds a training token.',
      on: {
        startTraining: { description: 'Asked again: the same token.', target: 'training' },
        trainingEnded: 'done',
        trainingFailed: 'ignored',
        rendezvous: { description: 'It restarted: out of this round.', target: 'ignored' },
        trainingDeadlinePassed: 'ignored',
        evict: 'ignored',
        heartbeatTimedOut: 'unknown',
        leave: 'unknown',
        roundEnded: 'waiting',
      },
    },
    done: {
      description: 'Its contribution counts.',
      on: {
        rendezvous: { description: 'It restarted; its contribution still counts.', target: 'ignored' },
        heartbeatTimedOut: { description: 'Gone; its contribution still counts.', target: 'doneAndInactive' },
        leave: { description: 'Gone; its contribution still counts.', target: 'doneAndInactive' },
        roundEnded: 'waiting',
      },
    },
    doneAndInactive: {
      description: 'Gone after it contributed; forgotten when the round ends.',
      on: { rendezvous: 'ignored', roundEnded: 'unknown' },
    },
    ignored: {
      description: 'Out of this round, eligible for the next.',
      on: {
        rendezvous: 'ignored',
        readmit: { description: 'It may be selected again, in this round.', target: 'waiting' },
        heartbeatTimedOut: 'unknown',
        leave: 'unknown',
        roundEnded: 'waiting',
      },
    },
  },
});
