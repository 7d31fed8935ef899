import type { SumRange } from './fold-task.ts';

/** Works on all ranges, as many at a time as there are lanes; what comes of them is taken in their order. */
export async function overRanges<Lane, Result>(
  ranges: readonly SumRange[],
  lanes: readonly Lane[],
  { act, take }: { act: (range: SumRange, lane: Lane) => Promise<Result>; take: (result: Result) => void },
): Promise<void> {
  let next = 0;
  let turn: Promise<void> = Promise.resolve();
  const work = async (lane: Lane): Promise<void> => {
    for (let range = ranges[next]; range; range = ranges[next]) {
      next += 1;
      const acted = act(range, lane);
      const taken = Promise.all([acted, turn]).then(([result]) => take(result));
      turn = taken;
      // Also when an earlier range fails, the lane is in use until its own work is over.
      await Promise.allSettled([acted, taken]);
      await taken;
    }
  };
  const ends = await Promise.allSettled(lanes.map(work));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
