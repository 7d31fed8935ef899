import type { AnyMachineSnapshot, AnyStateNode, AnyTransitionDefinition } from 'xstate';

/**
 * Asks the guards on the ways out of the active states. Guards are pure functions of context (and event), so asking
 * changes nothing; those that need an event's data cannot be asked without one and are left out.
 * @returns by guard name, whether it holds now.
 */
export function readGuards(snapshot: AnyMachineSnapshot): Record<string, boolean> {
  const answers: Record<string, boolean> = {};
  const implementations: Record<string, unknown> = snapshot.machine.implementations.guards;
  for (const guard of activeGuards(snapshot)) {
    const name =
      typeof guard === 'string' ? guard : typeof guard === 'object' && !('params' in guard) ? guard.type : null;
    if (name === null || name in answers) continue;
    const implementation = implementations[name];
    // A combination (`and`, `or`, `not`) is no function that may be called.
    if (typeof implementation !== 'function' || 'check' in implementation) continue;
    try {
      answers[name] = implementation({ context: snapshot.context, event: { type: '' } }, undefined) === true;
    } catch {
      // It needs what is not there: this state never asks it in this situation.
    }
  }
  return answers;
}

function activeGuards(snapshot: AnyMachineSnapshot) {
  const nodes: AnyStateNode[] = snapshot._nodes;
  const transitions = nodes.flatMap((node): AnyTransitionDefinition[] => [
    ...(node.always ?? []),
    ...[...node.transitions.values()].flat(),
  ]);
  return transitions.flatMap(({ guard }) => (guard ? [guard] : []));
}
