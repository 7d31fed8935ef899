import { transition } from 'xstate';
import type { Tally } from '../domain/round.ts';
import { roundMachine } from '../machines/round.machine.ts';
import type { RoundEvent } from '../machines/round.setup.ts';
import type { Machines } from './machine-state.ts';

/** What the machines would come to if something happened now. */
export interface Foreseen {
  machines: Machines;
  tally: Tally;
  /** The selector would be asked for clients. */
  asksSelector: boolean;
}

/** Pure: the machines tell what they would do, and none of it is done. */
export function foreseeRun(machines: Machines, tally: Tally, type: 'run.pause' | 'run.resume' | 'run.stop'): Foreseen {
  const [coordinator] = transition(machines.coordinator.machine, machines.coordinator, { type });
  if (!coordinator.matches({ running: 'round' })) {
    const after = machines.round ? released(tally) : tally;
    return { machines: { coordinator, round: null }, tally: after, asksSelector: false };
  }
  const next = { coordinator, round: machines.round };
  return type === 'run.pause' && machines.round
    ? foreseeRound(next, tally, { type: 'round.pause' })
    : { machines: next, tally, asksSelector: false };
}

/** What the open round would do. */
export function foreseeRound({ coordinator, round }: Machines, tally: Tally, event: RoundEvent): Foreseen {
  if (!round) return { machines: { coordinator, round }, tally, asksSelector: false };
  // A copy without the deadlines and promises that belong to the round itself.
  const copy = roundMachine.resolveState({ value: round.value, context: { ...round.context, tally } });
  const [next, actions] = transition(roundMachine, copy, event);
  const asksSelector = actions.some(({ type }) => type === 'askSelector');
  if (next.status !== 'done') return { machines: { coordinator, round: next }, tally, asksSelector };
  const over = { type: 'xstate.done.actor.round', actorId: 'round', output: next.output };
  const [after] = transition(coordinator.machine, coordinator, over as never);
  return { machines: { coordinator: after, round: null }, tally: released(tally), asksSelector: false };
}

/** Who was in a round that is over is given back to the population. */
const released = (tally: Tally): Tally => ({
  ...tally,
  waiting: tally.waiting + tally.selected + tally.training + tally.done + tally.ignored,
  selected: 0,
  training: 0,
  done: 0,
  doneAndInactive: 0,
  ignored: 0,
  contributions: 0,
});
