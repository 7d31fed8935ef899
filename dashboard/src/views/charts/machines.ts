/** The live machines as the server tells of them, for as long as somebody looks. */
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { InspectNote, InspectSnapshot, InspectTransition } from '../../../../src/inspect/feed.ts';
import { follow } from '../../api/follow.ts';

const notesKeptMax = 300;

export const snapshots = signal<ReadonlyMap<string, InspectSnapshot>>(new Map());
/** The last transitions, newest first. */
export const notes = signal<readonly InspectNote[]>([]);

type Listener = (transition: InspectTransition) => void;
const listeners = new Set<Listener>();

/** Calls `listener` with each transition. */
export function onTransition(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const keep = (snapshot: InspectSnapshot): void => {
  snapshots.value = new Map(snapshots.peek()).set(snapshot.actor, snapshot);
};

/** Transitions come faster than frames: what they change is drawn once a frame. */
let waiting: InspectTransition[] = [];
let frame = 0;

function takeTransition(transition: InspectTransition): void {
  waiting.push(transition);
  if (frame !== 0) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    const together = waiting;
    waiting = [];
    const latest = new Map(snapshots.peek());
    for (const one of together) latest.set(one.actor, one);
    snapshots.value = latest;
    notes.value = [...together.reverse(), ...notes.peek()].slice(0, notesKeptMax);
    for (const one of together) for (const listener of listeners) listener(one);
  });
}

/** Follows the machines while the component is there. */
export function useMachines(isLive: boolean): void {
  useEffect(() => {
    if (!isLive) return;
    return follow({
      path: '/dashboard/machines',
      onLink: () => undefined,
      take: ({ event, data }) => {
        const told = JSON.parse(data);
        if (event === 'hello') {
          snapshots.value = new Map();
          notes.value = (told.recent as InspectNote[]).reverse().slice(0, notesKeptMax);
        }
        if (event === 'snapshot') keep(told);
        if (event === 'transition') takeTransition(told);
      },
    });
  }, [isLive]);
}
