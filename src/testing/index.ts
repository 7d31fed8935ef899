export { type FaultKind, type FaultProfile, type Faults, faultKinds, faultProfiles } from './simulation/faults.ts';
export type { SimulatedTrainer } from './simulation/payload.ts';
export { drawScenario, type Scenario, type ScenarioBounds } from './simulation/scenario.ts';
export { shrink } from './simulation/shrink.ts';
export {
  createSimulation,
  type Simulation,
  SimulationFailed,
  type SimulationGoal,
  type SimulationOptions,
  type SimulationReport,
} from './simulation/simulation.ts';
export type { Invariant, Violation } from './simulation/violation.ts';
export { TestChorus, type TestChorusOptions, TestClient, vector } from './test-chorus.ts';
