import type { AnyStateMachine } from 'xstate';
import { aggregatorMachine } from '../machines/aggregator.machine.ts';
import { clientMachine } from '../machines/client.machine.ts';
import { coordinatorMachine } from '../machines/coordinator.machine.ts';
import { roundMachine } from '../machines/round.machine.ts';

/** The machines that are drawn: on the page, and in `docs/statecharts`. */
export const chartedMachines: readonly AnyStateMachine[] = [
  coordinatorMachine,
  roundMachine,
  aggregatorMachine,
  clientMachine,
];
