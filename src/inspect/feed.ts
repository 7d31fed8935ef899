/**
 * What the live actors do, for whoever looks. It listens to XState's `inspect` option and keeps the latest snapshot of
 * each machine and the last transitions; nothing is copied or serialised until someone asks, but for a short note of
 * each transition.
 */
import { type AnyActorRef, type AnyMachineSnapshot, type InspectionEvent, StateMachine, type StateValue } from 'xstate';
import { activeStates, transitionId } from './chart.ts';
import { readGuards } from './guards.ts';
import { type Plain, toPlain } from './plain.ts';

/** A live machine, named by its machine id: `coordinator`, `round`, … Plain JSON, bounded, without tokens. */
export interface InspectSnapshot {
  actor: string;
  status: 'active' | 'done' | 'error' | 'stopped';
  value: StateValue;
  /** Ids of the active states in the machine's chart, outermost first. */
  active: string[];
  context: Plain;
  /** What the guards of the active states say now, those that need no event to be asked. */
  guards: Record<string, boolean>;
  /** When it got there, Unix ms. */
  atMs: number;
}

/** A transition in short. */
export interface InspectNote {
  /** Rises by one with each transition of this feed. */
  id: number;
  actor: string;
  value: StateValue;
  /** With its `type`. */
  event: Plain;
  /** The actor that sent it: a machine's id or the id it was invoked under; null: it came from outside of the actors. */
  sender: string | null;
  /** Ids of the edges taken, in order; see `transitionId`. */
  edges: string[];
  atMs: number;
}

export interface InspectTransition extends InspectNote, InspectSnapshot {}

export interface InspectFeed {
  /** Every live machine as it is now, in order of first appearance. */
  current(): InspectSnapshot[];
  /** The last transitions, oldest first. */
  recent(): InspectNote[];
  /**
   * Calls `listener` on each transition from now on. A listener that throws is unsubscribed.
   * @returns a function that ends the subscription.
   */
  subscribe(listener: (transition: InspectTransition) => void): () => void;
}

export interface InspectFeedOptions {
  /** Transitions kept. @default 200 */
  recentMax?: number;
  /** Unix ms. @default Date.now */
  now?: () => number;
}

/** A machine under inspection. Of several with the same machine id, the newest is shown. */
interface Watched {
  actor: string;
  snapshot: AnyMachineSnapshot | null;
  atMs: number;
  /** Edges taken since the last snapshot. */
  edges: string[];
  /** Who sent the event that is being taken. */
  sender: string | null;
  /** The snapshot as shown, once someone has asked. */
  shown: InspectSnapshot | null;
}

/** An edge list of one macrostep never gets near this; it bounds a machine that loops without settling. */
const edgesMax = 100;
const noteLimits = { valuesMax: 40, itemsMax: 5, textLengthMax: 200, depthMax: 4 };

/** @returns a feed; hand its `inspect` to `createActor(…, { inspect })` of the root actors. `inspect` never throws. */
export function createInspectFeed({
  recentMax = 200,
  now = Date.now,
}: InspectFeedOptions = {}): InspectFeed & { inspect: (event: InspectionEvent) => void } {
  const watchedByRef = new WeakMap<object, Watched>();
  const live = new Map<string, Watched>();
  const notes: InspectNote[] = [];
  const listeners = new Set<(transition: InspectTransition) => void>();
  let lastId = 0;

  const watch = (ref: AnyActorRef): void => {
    const logic: unknown = Reflect.get(ref, 'logic');
    if (!(logic instanceof StateMachine)) return;
    const watched: Watched = { actor: logic.id, snapshot: null, atMs: now(), edges: [], sender: null, shown: null };
    watchedByRef.set(ref, watched);
    live.set(watched.actor, watched);
  };

  const settle = (watched: Watched, event: { type: string }, snapshot: AnyMachineSnapshot): void => {
    const { edges, actor, sender, snapshot: before } = watched;
    watched.edges = [];
    watched.sender = null;
    // An event that no state handles changes nothing; it is no transition.
    if (before !== null && edges.length === 0 && before.status === snapshot.status) return;
    Object.assign(watched, { snapshot, atMs: now(), shown: null });
    lastId += 1;
    const plainEvent = toPlain(event, noteLimits);
    const note: InspectNote = {
      id: lastId,
      actor,
      value: snapshot.value,
      event: plainEvent,
      sender,
      edges,
      atMs: watched.atMs,
    };
    notes.push(note);
    if (notes.length > recentMax) notes.shift();
    if (listeners.size === 0) return;
    const transition: InspectTransition = { ...show(watched, snapshot), ...note };
    for (const listener of listeners) {
      try {
        listener(transition);
      } catch {
        listeners.delete(listener);
      }
    }
  };

  const take = (event: InspectionEvent): void => {
    const ref = event.actorRef as AnyActorRef;
    if (event.type === '@xstate.actor') watch(ref);
    const watched = watchedByRef.get(ref);
    if (!watched || live.get(watched.actor) !== watched) return;
    if (event.type === '@xstate.event' && event.sourceRef) watched.sender = nameOf(event.sourceRef as AnyActorRef);
    if (event.type === '@xstate.snapshot') settle(watched, event.event, event.snapshot as AnyMachineSnapshot);
    if (event.type !== '@xstate.microstep') return;
    for (const transition of event._transitions) {
      if (watched.edges.length < edgesMax) watched.edges.push(transitionId(transition));
    }
  };

  return {
    inspect: (event) => {
      try {
        take(event);
      } catch {
        // XState calls this inside the actor's own step: what looks on must never break what it looks at.
      }
    },
    current: () => [...live.values()].flatMap((watched) => (watched.snapshot ? [show(watched, watched.snapshot)] : [])),
    recent: () => [...notes],
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function nameOf(ref: AnyActorRef): string {
  const logic: unknown = Reflect.get(ref, 'logic');
  return logic instanceof StateMachine ? logic.id : ref.id;
}

function show(watched: Watched, snapshot: AnyMachineSnapshot): InspectSnapshot {
  watched.shown ??= {
    actor: watched.actor,
    status: snapshot.status,
    value: snapshot.value,
    active: activeStates(watched.actor, snapshot.value),
    context: toPlain(snapshot.context),
    guards: readGuards(snapshot),
    atMs: watched.atMs,
  };
  return watched.shown;
}
