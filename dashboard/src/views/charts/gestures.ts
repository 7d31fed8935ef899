import type { Drawing } from './drawing.ts';

/** Pixels within which a press is a click, and no movement. */
const clickPx = 5;

interface Place {
  x: number;
  y: number;
}

export interface GestureListeners {
  /** It was moved by hand. */
  moved: () => void;
  /** It was pressed and let go without being moved. */
  clicked: (place: Place) => void;
}

/**
 * Moves the drawing with whatever touches it: one pointer drags it; two drag it by their middle and zoom by their
 * distance. @returns a function that ends it.
 */
export function followPointers(
  host: HTMLElement,
  drawing: () => Drawing | null,
  { moved, clicked }: GestureListeners,
): () => void {
  const pointers = new Map<number, Place>();
  let began: Place | null = null;

  const press = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    host.setPointerCapture(event.pointerId);
    const place = { x: event.clientX, y: event.clientY };
    began = pointers.size === 0 ? place : null;
    pointers.set(event.pointerId, place);
  };
  const move = (event: PointerEvent): void => {
    const before = [...pointers.values()];
    if (!pointers.has(event.pointerId)) return;
    const place = { x: event.clientX, y: event.clientY };
    if (began && distance(began, place) < clickPx) return;
    began = null;
    pointers.set(event.pointerId, place);
    const after = [...pointers.values()];
    const [from, to] = [middle(before), middle(after)];
    const { left, top, width, height } = host.getBoundingClientRect();
    drawing()?.pan(from.x - to.x, from.y - to.y);
    const factor = spread(after) / spread(before);
    if (factor !== 1) drawing()?.zoom(factor, (to.x - left) / width, (to.y - top) / height);
    moved();
  };
  const release = (event: PointerEvent): void => {
    if (!pointers.delete(event.pointerId)) return;
    if (began && event.type === 'pointerup') clicked(began);
    began = null;
  };

  const listeners = { pointerdown: press, pointermove: move, pointerup: release, pointercancel: release } as const;
  const each = Object.entries(listeners) as [keyof typeof listeners, (event: PointerEvent) => void][];
  for (const [type, listener] of each) host.addEventListener(type, listener);
  return () => {
    for (const [type, listener] of each) host.removeEventListener(type, listener);
  };
}

const distance = (a: Place, b: Place): number => Math.hypot(a.x - b.x, a.y - b.y);

function middle(places: readonly Place[]): Place {
  const sum = places.reduce((all, { x, y }) => ({ x: all.x + x, y: all.y + y }), { x: 0, y: 0 });
  return { x: sum.x / places.length, y: sum.y / places.length };
}

/** How far apart the first two are; 1 for one alone, which does not zoom. */
const spread = ([first, second]: readonly Place[]): number =>
  first && second ? Math.max(1, distance(first, second)) : 1;
