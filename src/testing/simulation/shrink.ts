import type { FaultKind } from './faults.ts';
import { type Scenario, suffice } from './scenario.ts';
import { createSimulation, type SimulationReport } from './simulation.ts';
import type { Invariant } from './violation.ts';

/** Simulations that are tried to make one smaller. */
const triesMax = 120;

export interface Shrunk {
  scenario: Scenario;
  report: SimulationReport;
  transcript: readonly string[];
}

/**
 * Looks for a smaller scenario that breaks the same rule: with fewer kinds of fault, an earlier end of them, fewer
 * clients, fewer rounds.
 * @param scenario breaks the rule. @returns the smallest found, perhaps the one given.
 */
export async function shrink(scenario: Scenario, invariant: Invariant): Promise<Shrunk> {
  const first = await attempt(scenario, invariant);
  if (!first) throw new RangeError(`The scenario does not break "${invariant}"`);
  let smallest: Shrunk = first;
  let tries = 0;
  for (let isSmaller = true; isSmaller && tries < triesMax; ) {
    isSmaller = false;
    for (const candidate of smallerThan(smallest.scenario)) {
      tries += 1;
      const found: Shrunk | null = tries <= triesMax ? await attempt(candidate, invariant) : null;
      if (!found) continue;
      smallest = found;
      isSmaller = true;
      break;
    }
  }
  return smallest;
}

/** @returns null when it breaks no rule, or another one, or makes no sense. */
async function attempt(scenario: Scenario, invariant: Invariant): Promise<Shrunk | null> {
  try {
    const simulation = createSimulation(scenario);
    const report = await simulation.explore();
    if (report.violation?.invariant !== invariant) return null;
    return { scenario, report, transcript: simulation.transcript };
  } catch (error) {
    // A plan for more clients than there are.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** What is worth trying, the largest steps first. */
function* smallerThan(scenario: Scenario): Generator<Scenario> {
  const { faults, clients, plan, faultsUntilMs } = scenario;
  for (const kind of Object.keys(faults) as FaultKind[]) {
    const { [kind]: _, ...rest } = faults;
    yield { ...scenario, faults: rest };
  }
  for (const part of [0.5, 0.8]) {
    const rounds = Math.floor(plan.rounds * part);
    if (rounds >= 1) yield { ...scenario, plan: { ...plan, rounds } };
    const fewer = Math.floor(clients * part);
    // With fewer than it needs no round would ever open.
    if (suffice(fewer, plan)) yield { ...scenario, clients: fewer };
    if (faultsUntilMs > 100) yield { ...scenario, faultsUntilMs: Math.floor(faultsUntilMs * part) };
  }
}
