/**
 * A state machine as plain data, for drawing: what XState knows of a machine, with functions replaced by their names.
 * Pure; the layout, the SVG, the Mermaid text and the live page are all built on this model and on nothing else.
 */
import type { AnyStateMachine, AnyStateNode, AnyTransitionDefinition, StateValue } from 'xstate';

/** A transition's cause: an event, a delay that ran out, nothing (`always`), an actor or state that is done, or an error. */
export type EdgeKind = 'event' | 'delay' | 'always' | 'done' | 'error';

export interface ChartState {
  /** Machine id and path, joined by dots: `round.training`. Unique in the chart; the machine itself is `round`. */
  id: string;
  key: string;
  type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  /** Id of the child entered first; null when there is none (or all are: parallel). */
  initial: string | null;
  description: string | null;
  tags: string[];
  /** Names of actions. */
  entry: string[];
  exit: string[];
  invoke: { id: string; src: string }[];
  states: ChartState[];
}

export interface ChartEdge {
  /** See {@link transitionId}; further targets of one transition get `+1`, `+2`, … */
  id: string;
  from: string;
  /** null: the state handles the event and stays as it is (no exit, no entry). */
  to: string | null;
  kind: EdgeKind;
  /** What people read: `update.received`, `after trainingWindowMs`, `done: aggregate`, `always`. */
  event: string;
  /** Name of the guard; `else` for an unguarded candidate after guarded ones; null when there is nothing to check. */
  guard: string | null;
  actions: string[];
  description: string | null;
}

/** The machine's own state, with every transition of the machine beside it. Serialisable. */
export interface Chart extends ChartState {
  edges: ChartEdge[];
}

/** @returns the chart of a machine. The same machine gives the same chart, in document order. */
export function chartOf(machine: AnyStateMachine): Chart {
  const edges: ChartEdge[] = [];
  const root = readState(machine.root, edges);
  return { ...root, edges };
}

/** A live machine names the same few transitions over and over. */
const transitionIds = new WeakMap<AnyTransitionDefinition, string>();

/**
 * The name of a transition, stable across processes and across `machine.provide()`: the state it leaves, its event,
 * and its place among that state's candidates for the event.
 */
export function transitionId(transition: AnyTransitionDefinition): string {
  const known = transitionIds.get(transition);
  if (known !== undefined) return known;
  const source: AnyStateNode = transition.source;
  const type: string = transition.eventType;
  const candidates = type === '' ? source.always : source.transitions.get(type);
  const id = `${stateId(source)}/${type || 'always'}/${candidates?.indexOf(transition) ?? -1}`;
  transitionIds.set(transition, id);
  return id;
}

/** @returns the ids of all states active under `value`, outermost first. @param value a snapshot's `value`. */
export function activeStates(machineId: string, value: StateValue): string[] {
  const active = [machineId];
  const descend = (prefix: string, inner: StateValue | undefined): void => {
    if (inner === undefined) return;
    const branches: [string, StateValue | undefined][] =
      typeof inner === 'string' ? [[inner, undefined]] : Object.entries(inner);
    for (const [key, below] of branches) {
      active.push(`${prefix}.${key}`);
      descend(`${prefix}.${key}`, below);
    }
  };
  descend(machineId, value);
  return active;
}

/** @returns the chart's states, every parent before its children. */
export function everyState(state: ChartState): ChartState[] {
  return [state, ...state.states.flatMap(everyState)];
}

/** Whether the edge leads from a state to one inside it: it is taken in whichever of its children is active. */
export const leadsInside = ({ from, to }: ChartEdge): boolean => to?.startsWith(`${from}.`) ?? false;

const stateId = (node: AnyStateNode): string => [node.machine.id, ...node.path].join('.');

function readState(node: AnyStateNode, edges: ChartEdge[]): ChartState {
  for (const candidates of [...node.transitions.values(), node.always ?? []]) {
    for (const [place, candidate] of candidates.entries()) {
      const followsGuard = candidates.slice(0, place).some((earlier) => earlier.guard);
      edges.push(...readTransition(candidate, followsGuard));
    }
  }
  const [initial] = node.type === 'compound' ? node.initial.target : [];
  return {
    id: stateId(node),
    key: node.key,
    type: node.type,
    initial: initial ? stateId(initial) : null,
    description: textOf(node.description) ?? textOf(node.meta?.description),
    tags: [...node.tags],
    entry: node.entry.filter((action) => !isDelayTimer(action)).map(nameOf),
    exit: node.exit.filter((action) => !isDelayTimer(action)).map(nameOf),
    invoke: node.invoke.map(({ id, src }) => ({ id, src: nameOf(src) })),
    states: Object.values<AnyStateNode>(node.states).map((child) => readState(child, edges)),
  };
}

function readTransition(transition: AnyTransitionDefinition, followsGuard: boolean): ChartEdge[] {
  const edge: Omit<ChartEdge, 'id' | 'to'> = {
    from: stateId(transition.source),
    ...readCause(transition),
    guard: transition.guard ? guardName(transition.guard) : followsGuard ? 'else' : null,
    actions: transition.actions.map(nameOf),
    description: textOf(transition.description) ?? textOf(transition.meta?.description),
  };
  const id = transitionId(transition);
  const targets: readonly AnyStateNode[] = transition.target ?? [];
  if (targets.length === 0) return [{ id, to: null, ...edge }];
  return targets.map((target, index) => ({ id: index === 0 ? id : `${id}+${index}`, to: stateId(target), ...edge }));
}

/**
 * XState encodes the cause in the event's type; see its `xstate.after`, `xstate.done` and `xstate.error` events. Our
 * own deadlines are invoked actors whose source is `deadline`: they are delays too, named by the id of the invoke.
 */
function readCause(transition: AnyTransitionDefinition): { kind: EdgeKind; event: string } {
  const source: AnyStateNode = transition.source;
  const type: string = transition.eventType;
  const ownId: string = source.id;
  if (type === '') return { kind: 'always', event: 'always' };
  if (type === 'deadline.passed') {
    const deadline = source.invoke.find(({ src }) => src === 'deadline');
    return { kind: 'delay', event: deadline ? `${deadline.id} passed` : type };
  }
  const delay = afterPrefix(type, 'xstate.after.');
  if (delay !== null) {
    const name = delay.endsWith(`.${ownId}`) ? delay.slice(0, -ownId.length - 1) : delay;
    return { kind: 'delay', event: /^\d+$/.test(name) ? `after ${name} ms` : `after ${name}` };
  }
  const actor = afterPrefix(type, 'xstate.done.actor.');
  if (actor !== null) return { kind: 'done', event: `done: ${actor}` };
  if (type.startsWith('xstate.done.state.')) return { kind: 'done', event: 'done' };
  const failed = afterPrefix(type, 'xstate.error.actor.');
  if (failed !== null) return { kind: 'error', event: `error: ${failed}` };
  return { kind: 'event', event: type };
}

const afterPrefix = (text: string, prefix: string): string | null =>
  text.startsWith(prefix) ? text.slice(prefix.length) : null;

const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

const fieldOf = (value: unknown, field: string): unknown =>
  (typeof value === 'object' && value !== null) || typeof value === 'function' ? Reflect.get(value, field) : undefined;

/** A delayed transition makes XState add a timer to entry and exit; it is drawn as the transition, not as an action. */
function isDelayTimer(action: unknown): boolean {
  const target = fieldOf(fieldOf(action, 'event'), 'type') ?? fieldOf(action, 'sendId');
  return typeof target === 'string' && target.startsWith('xstate.after.');
}

/** The name of an action or of an actor's source: a string, `{ type }`, a built-in such as `assign`, or a function. */
function nameOf(action: unknown): string {
  if (typeof action === 'string') return action;
  const type = textOf(fieldOf(action, 'type'));
  if (type === null) return textOf(fieldOf(action, 'name')) ?? textOf(fieldOf(action, 'id')) ?? 'inline';
  const builtIn = afterPrefix(type, 'xstate.') ?? type;
  const to = textOf(fieldOf(action, 'to'));
  const sent = textOf(fieldOf(fieldOf(action, 'event'), 'type'));
  return [builtIn, to, sent].filter((part) => part !== null).join(' ');
}

/** Names a guard, reading through `and`, `or` and `not`. */
function guardName(guard: unknown): string {
  const parts = fieldOf(guard, 'guards');
  if (!Array.isArray(parts)) return nameOf(guard);
  const names = parts.map((part) =>
    Array.isArray(fieldOf(part, 'guards')) ? `(${guardName(part)})` : guardName(part),
  );
  const combinator = textOf(fieldOf(guard, 'name'));
  if (combinator === 'not') return `not ${names.join()}`;
  return names.join(` ${combinator ?? 'and'} `);
}
