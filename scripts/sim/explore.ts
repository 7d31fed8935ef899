import { createSimulation, type SimulationReport, type Violation } from '../../src/testing/index.ts';
import { type Case, scenarioOf } from './case.ts';

/** A case in which a rule is broken. */
export interface Finding {
  case: Case;
  violation: Violation;
  transcript: readonly string[];
}

export interface Explored {
  report: SimulationReport;
  /** What happened, a line each; made when it is asked for. */
  transcript: () => readonly string[];
  finding: Finding | null;
}

/** Runs one simulation to its end. */
export async function explore(one: Case): Promise<Explored> {
  const simulation = createSimulation(scenarioOf(one));
  const report = await simulation.explore();
  const { violation } = report;
  return {
    report,
    transcript: () => simulation.transcript,
    finding: violation && { case: one, violation, transcript: simulation.transcript },
  };
}
