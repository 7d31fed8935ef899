/** Puts the smaller of two wires' values on `low` and the larger on `high`, as far as they are still wanted. */
export interface Comparator {
  readonly low: number;
  readonly high: number;
  /** Which of its two results anything depends on. */
  readonly wanted: 'both' | 'low' | 'high';
}

/** Comparators whose values fit into registers together; between groups, wires are kept in memory. */
export interface ComparatorGroup {
  readonly wires: readonly number[];
  readonly comparators: readonly Comparator[];
}

/**
 * Sorts `count` wires as far as positions [from, to) need it: Batcher's odd-even merge sort (1968) for the next power of
 * two, without the wires that are not there (they would hold +∞ and never move), and without what no position depends on.
 * A sort of 50 has 403 comparators; for its median 330 are left.
 */
export function sortingNetwork(count: number, from: number, to: number): Comparator[] {
  const pairs = oddEvenMergeSort(count);
  const needed = new Set(Array.from({ length: to - from }, (_, index) => from + index));
  const comparators: Comparator[] = [];
  for (const [low, high] of pairs.reverse()) {
    const [isLow, isHigh] = [needed.has(low), needed.has(high)];
    if (!isLow && !isHigh) continue;
    comparators.push({ low, high, wanted: isLow && isHigh ? 'both' : isLow ? 'low' : 'high' });
    needed.add(low).add(high);
  }
  return comparators.reverse();
}

function oddEvenMergeSort(count: number): [number, number][] {
  const pairs: [number, number][] = [];
  const compare = (low: number, high: number) => {
    if (high < count) pairs.push([low, high]);
  };
  /** Merges the sorted halves of those wires of [start, start + length) that are a multiple of `step` from `start`. */
  const merge = (start: number, length: number, step: number): void => {
    if (2 * step >= length) {
      compare(start, start + step);
      return;
    }
    merge(start, length, 2 * step);
    merge(start + step, length, 2 * step);
    for (let wire = start + step; wire + step < start + length; wire += 2 * step) compare(wire, wire + step);
  };
  const sort = (start: number, length: number): void => {
    if (length < 2) return;
    sort(start, length / 2);
    sort(start + length / 2, length / 2);
    merge(start, length, 1);
  };
  sort(0, 2 ** Math.ceil(Math.log2(Math.max(1, count))));
  return pairs;
}

/**
 * The same comparators in groups of at most `wiresMax` wires, each as large as it gets: the fewer groups, the less goes
 * through memory. A comparator only moves ahead of others that share no wire with it.
 */
export function groupsOf(comparators: readonly Comparator[], wiresMax: number): ComparatorGroup[] {
  const groups: ComparatorGroup[] = [];
  let left = comparators;
  while (left.length > 0) {
    const wires = new Set<number>();
    const blocked = new Set<number>();
    const taken: Comparator[] = [];
    const later: Comparator[] = [];
    for (const comparator of left) {
      const { low, high } = comparator;
      const added = Number(!wires.has(low)) + Number(!wires.has(high));
      if (!blocked.has(low) && !blocked.has(high) && wires.size + added <= wiresMax) {
        wires.add(low).add(high);
        taken.push(comparator);
      } else {
        blocked.add(low).add(high);
        later.push(comparator);
      }
    }
    groups.push({ wires: [...wires], comparators: taken });
    left = later;
  }
  return groups;
}
