/**
 * The `count` best of many, best first: a heap of those kept so far with the worst on top, so that most of the others
 * cost one comparison. O(n log count), 4 bytes for each kept.
 * @param isBehind whether a comes after b: a strict total order.
 */
export function bestOf(slots: Uint32Array, count: number, isBehind: (a: number, b: number) => boolean): number[] {
  const heap = slots.slice(0, Math.max(0, count));
  for (let parent = (heap.length >>> 1) - 1; parent >= 0; parent -= 1) sink(heap, parent, heap.length, isBehind);
  for (let index = heap.length; index < slots.length && heap.length > 0; index += 1) {
    const slot = at(slots, index);
    if (!isBehind(at(heap, 0), slot)) continue;
    heap[0] = slot;
    sink(heap, 0, heap.length, isBehind);
  }
  // The worst goes to the end, again and again: what is left is sorted.
  for (let end = heap.length - 1; end > 0; end -= 1) {
    const worst = at(heap, 0);
    heap[0] = at(heap, end);
    heap[end] = worst;
    sink(heap, 0, end, isBehind);
  }
  return Array.from(heap);
}

const at = (array: Uint32Array, index: number): number => array[index] ?? 0;

/** Moves the slot at `from` down until none below it is worse. */
function sink(heap: Uint32Array, from: number, size: number, isBehind: (a: number, b: number) => boolean): void {
  const slot = at(heap, from);
  let hole = from;
  for (;;) {
    let child = 2 * hole + 1;
    if (child >= size) break;
    if (child + 1 < size && isBehind(at(heap, child + 1), at(heap, child))) child += 1;
    if (!isBehind(at(heap, child), slot)) break;
    heap[hole] = at(heap, child);
    hole = child;
  }
  heap[hole] = slot;
}
