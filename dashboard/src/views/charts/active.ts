/** Which states are active, read off the status: for servers that do not tell each transition, and for the past. Pure. */
import type { Status } from '../../../../src/domain/handle.ts';
import { activeStates, type Chart, type ChartEdge } from '../../../../src/inspect/chart.ts';

const roundPhases: readonly string[] = ['selecting', 'training', 'aggregating', 'committing'];

/** @returns ids of the active states, outermost first; none when the machine is not there. */
export function activeByStatus(machine: string, { phase, aggregator }: Status): string[] {
  const isInRound = roundPhases.includes(phase);
  if (machine === 'aggregator') return activeStates(machine, aggregator);
  if (machine === 'round') return isInRound ? activeStates(machine, phase) : [];
  if (machine !== 'coordinator') return [];
  if (isInRound) return activeStates(machine, { running: 'round' });
  const isInRun = phase === 'opening' || phase === 'gathering';
  return activeStates(machine, isInRun ? { running: phase } : phase);
}

/** @returns the edges by which one may have come from some states to others. */
export function edgesBetween({ edges }: Chart, before: readonly string[], after: readonly string[]): string[] {
  const left = new Set(before.filter((id) => !after.includes(id)));
  const entered = new Set(after.filter((id) => !before.includes(id)));
  return edges.filter(({ from, to }) => to !== null && left.has(from) && entered.has(to)).map(({ id }) => id);
}

/** @returns what the machine reacts to as it is, innermost state first. */
export function acceptedNow({ edges }: Chart, active: readonly string[]): ChartEdge[] {
  const depth = new Map(active.map((id, index) => [id, index]));
  const accepted = edges.filter(({ from, kind }) => kind !== 'always' && depth.has(from));
  return accepted.sort((a, b) => (depth.get(b.from) ?? 0) - (depth.get(a.from) ?? 0));
}
