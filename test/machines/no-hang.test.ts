import { describe, expect, it } from 'vitest';
import type { AnyStateMachine, AnyStateNode } from 'xstate';
import { aggregatorMachine } from '../../src/machines/aggregator.machine.ts';
import { coordinatorMachine } from '../../src/machines/coordinator.machine.ts';
import { roundMachine } from '../../src/machines/round.machine.ts';

type Node = AnyStateNode;

const statesOf = (machine: AnyStateMachine): Node[] => {
  const walk = (node: Node): Node[] => [node, ...Object.values(node.states).flatMap((child) => walk(child as Node))];
  return walk(machine.root as Node).slice(1);
};

const lineage = (node: Node): Node[] => (node.parent ? [node, ...lineage(node.parent as Node)] : [node]);

/** Leaves, for which nothing but a deadline or an operator could end the wait. */
const waitingStates = (machine: AnyStateMachine): Node[] =>
  statesOf(machine).filter((node) => node.type === 'atomic' && !leavesAtOnce(node));

const leavesAtOnce = (node: Node): boolean => node.always?.some((transition) => !transition.guard) ?? false;

const hasTimedExit = (node: Node): boolean =>
  lineage(node).some(
    (each) => each.invoke.some(({ src }) => src === 'deadline') && each.transitions.has('deadline.passed'),
  );

/** A state that waits for a child machine is as bounded as the child, which is tested by itself. */
const waitsForRound = (node: Node): boolean => node.invoke.some(({ src }) => src === 'round');

describe.each([
  ['coordinator', coordinatorMachine],
  ['round', roundMachine],
  ['aggregator', aggregatorMachine],
] as [string, AnyStateMachine][])('the %s machine', (_, machine) => {
  it('waits nowhere without a deadline, but where it rests until someone comes', () => {
    const unbounded = waitingStates(machine)
      .filter((node) => !hasTimedExit(node) && !waitsForRound(node) && !node.tags.includes('resting'))
      .map((node) => node.path.join('.'));
    expect(unbounded).toEqual([]);
  });

  it('explains every state', () => {
    for (const node of statesOf(machine)) {
      if (node.type === 'compound') continue;
      expect([node.path.join('.'), node.description]).toEqual([node.path.join('.'), expect.any(String)]);
    }
  });
});

describe('the round machine', () => {
  it('rests nowhere: every attempt ends by itself', () => {
    expect(statesOf(roundMachine).filter((node) => node.tags.includes('resting'))).toEqual([]);
  });
});
