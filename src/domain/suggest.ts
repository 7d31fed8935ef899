/** Names longer than this are compared by their beginning only, so that a long argument costs nothing. */
const comparedLengthMax = 64;

const folded = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')
    .slice(0, comparedLengthMax);

/** How many letters must be put in, left out, changed or swapped with the next one to make `b` of `a`. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const changed = (last[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const putIn = (current[column - 1] ?? 0) + 1;
      const leftOut = (last[column] ?? 0) + 1;
      const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      const swapped = isSwap ? (beforeLast[column - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      current.push(Math.min(changed, putIn, leftOut, swapped));
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
}

/** @returns the candidate that was probably meant, or null when none is near: a third of the letters may be off. */
export function nearest(name: string, candidates: readonly string[]): string | null {
  const wanted = folded(name);
  let best: { candidate: string; distance: number } | null = null;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, folded(candidate));
    if (!best || distance < best.distance) best = { candidate, distance };
  }
  return best && best.distance <= Math.max(1, Math.floor(wanted.length / 3)) ? best.candidate : null;
}

/** `; did you mean X?`, or the end of the sentence. */
export function didYouMean(name: string, candidates: readonly string[], otherwise: string): string {
  const near = nearest(name, candidates);
  return near ? `; did you mean ${near}?` : `; ${otherwise}.`;
}
