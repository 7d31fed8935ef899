import { drawScenario, type FaultKind, type FaultProfile, type Scenario } from '../../src/testing/index.ts';

/** What a simulation on the command line is made from; the rest is drawn from the seed. */
export interface Case {
  seed: number;
  profile: FaultProfile;
  clients: number;
  rounds: number;
  /** Kinds of fault that are switched off, whatever is drawn. */
  without: readonly FaultKind[];
  /** When faults stop, ms, if not as drawn. */
  faultsUntilMs: number | null;
}

export function scenarioOf({ seed, profile, clients, rounds, without, faultsUntilMs }: Case): Scenario {
  const scenario = drawScenario(seed, { profile, clients, rounds });
  const faults = Object.fromEntries(
    Object.entries(scenario.faults).filter(([kind]) => !without.includes(kind as FaultKind)),
  );
  return { ...scenario, faults, faultsUntilMs: faultsUntilMs ?? scenario.faultsUntilMs };
}

/** The command line that runs it again. */
export function commandOf({ seed, profile, clients, rounds, without, faultsUntilMs }: Case): string {
  const flags = [`--seed ${seed}`, `--faults ${profile}`, `--clients ${clients}`, `--rounds ${rounds}`];
  if (without.length > 0) flags.push(`--without ${without.join(',')}`);
  if (faultsUntilMs !== null) flags.push(`--faults-until-ms ${faultsUntilMs}`);
  return `npm run sim -- ${flags.join(' ')}`;
}
