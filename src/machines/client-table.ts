import { type AnyStateMachine, transition } from 'xstate';
import { type ClientState, clientStates } from '../domain/client.ts';
import { type ClientEventType, clientMachine } from './client.machine.ts';

/** Marks an event that a state refuses. */
export const refused = 255;

/** A flat machine as bytes: `next[state × events.length + event]` is the next state's index, or {@link refused}. */
export interface TransitionTable {
  readonly states: readonly string[];
  readonly events: readonly string[];
  readonly next: Uint8Array;
}

/**
 * Compiles a flat machine into a table by asking the machine itself, state by state and event by event.
 * @param states the order of the states' bytes; must be exactly the machine's states.
 * @throws {TypeError} when the machine has what a table cannot hold: nesting, guards, `always`, `after`, `invoke`.
 */
export function compileTable(machine: AnyStateMachine, states: readonly string[]): TransitionTable {
  const named = Object.keys(machine.states);
  if (named.length !== states.length || named.some((state) => !states.includes(state))) {
    throw new TypeError(`Machine ${machine.id} has states ${named.join(', ')}, the table wants ${states.join(', ')}`);
  }
  for (const state of named) refuseWhatNoTableHolds(machine, state);
  const events = [...machine.events].sort();
  const next = new Uint8Array(states.length * events.length).fill(refused);
  states.forEach((state, row) => {
    const before = machine.resolveState({ value: state, context: {} });
    events.forEach((type, column) => {
      if (!before.can({ type })) return;
      const [after] = transition(machine, before, { type });
      next[row * events.length + column] = states.indexOf(after.value as string);
    });
  });
  return { states, events, next };
}

function refuseWhatNoTableHolds(machine: AnyStateMachine, state: string): void {
  const refuse = (what: string): never => {
    throw new TypeError(`State ${machine.id}.${state} has ${what}, which a transition table cannot hold`);
  };
  const node = machine.states[state] ?? refuse('no definition');
  if (Object.keys(node.states).length > 0) refuse('child states');
  if (node.always?.length) refuse('an always transition');
  if (node.invoke.length > 0) refuse('an invoke');
  if (node.after.length > 0) refuse('a delayed transition');
  if (node.entry.length > 0 || node.exit.length > 0) refuse('entry or exit actions');
  for (const candidates of node.transitions.values()) {
    if (candidates.some((candidate) => candidate.guard)) refuse('a guard');
    if (candidates.some((candidate) => candidate.actions.length > 0)) refuse('actions');
  }
}

/** The client machine, compiled. */
export const clientTable = compileTable(clientMachine, clientStates);

/** The byte of a client state. */
export const stateIndex = Object.fromEntries(clientStates.map((state, index) => [state, index])) as Record<
  ClientState,
  number
>;

/** The column of a client event. */
export const eventIndex = Object.fromEntries(clientTable.events.map((type, index) => [type, index])) as Record<
  ClientEventType,
  number
>;
