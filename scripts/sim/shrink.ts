import type { FaultKind } from '../../src/testing/index.ts';
import { type Case, scenarioOf } from './case.ts';
import { explore, type Finding } from './explore.ts';

/** Simulations tried to make a finding smaller. */
const triesMax = 150;

/**
 * Looks for a smaller case that breaks the same rule: kinds of fault switched off one by one, fewer rounds, fewer clients,
 * an earlier end of the faults. @returns the finding with the shortest transcript.
 */
export async function shrink(found: Finding): Promise<Finding> {
  let smallest = found;
  let tries = 0;
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false;
    for (const candidate of smallerThan(smallest.case)) {
      if (tries >= triesMax) return smallest;
      tries += 1;
      const { finding } = await explore(candidate);
      if (finding?.violation.invariant !== found.violation.invariant) continue;
      smallest = finding;
      isSmaller = true;
      break;
    }
  }
  return smallest;
}

/** Cases that are one step smaller, the largest steps first. */
function* smallerThan(one: Case): Generator<Case> {
  const { faults, faultsUntilMs } = scenarioOf(one);
  for (const kind of Object.keys(faults) as FaultKind[]) yield { ...one, without: [...one.without, kind] };
  for (const rounds of fewerThan(one.rounds)) yield { ...one, rounds };
  for (const clients of fewerThan(one.clients)) yield { ...one, clients };
  for (const ms of fewerThan(faultsUntilMs)) if (faultsUntilMs - ms >= 50) yield { ...one, faultsUntilMs: ms };
}

/** @param count ≥ 1 */
function* fewerThan(count: number): Generator<number> {
  for (const share of [0.25, 0.5, 0.75]) {
    const fewer = Math.floor(count * share);
    if (fewer >= 1 && fewer < count) yield fewer;
  }
  if (count > 1) yield count - 1;
}
