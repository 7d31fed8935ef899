import { describe, expect, it } from 'vitest';
import { cohortWanted, planSettings, quorumOf } from '../../src/domain/plan.ts';
import { readPlan } from '../../src/domain/read-plan.ts';

const problemOf = (given: Record<string, unknown>) =>
  readPlan(given)
    .problems.map(({ message }) => message)
    .join(' ');

describe('a plan', () => {
  it('is complete and legal when nothing is given', () => {
    const { plan, problems } = readPlan({});
    expect(problems).toEqual([]);
    expect(Object.keys(plan).sort()).toEqual(Object.keys(planSettings).sort());
  });

  it('selects at least one client at participantsRatio 0.8 and minClients 1', () => {
    const { plan, problems } = readPlan({ participantsRatio: 0.8, minClients: 1 });
    expect(problems).toEqual([]);
    expect(cohortWanted(plan, 1)).toBe(1);
    expect(quorumOf(plan)).toBe(1);
  });

  it('takes its quorum from ratio and minimum, or from the cohort, unless given', () => {
    expect(quorumOf(readPlan({ participantsRatio: 0.5, minClients: 7 }).plan)).toBe(3);
    expect(quorumOf(readPlan({ cohortSize: 8, minClients: 10 }).plan)).toBe(8);
    expect(quorumOf(readPlan({ participantsRatio: 0.5, minClients: 7, quorum: 2 }).plan)).toBe(2);
  });

  it('selects more than it needs when told to over-select', () => {
    expect(cohortWanted(readPlan({ cohortSize: 10, overSelection: 1.3, minClients: 10 }).plan, 1_000)).toBe(13);
  });

  it('lets minClients follow the cohort when it is left out', () => {
    const { plan, problems } = readPlan({ cohortSize: 10 });
    expect(problems).toEqual([]);
    expect(plan.minClients).toBe(10);
  });

  it.each([
    [{ participantsRatio: 0 }, /participantsRatio \(--participants-ratio\) is 0, so no client would ever be selected/],
    [{ quorum: 3, participantsRatio: 0.5, minClients: 4 }, /quorum \(--quorum\) is 3.*selects only 2/],
    [{ quorum: 11, cohortSize: 10 }, /quorum \(--quorum\) is 11.*closes at cohortSize = 10/],
    [{ cohortSize: 10, minClients: 5 }, /minClients \(--min-clients\) is 5, fewer than the quorum of 10/],
    [{ overSelection: 1.5 }, /overSelection \(--over-selection\) goes with cohortSize/],
    [{ heartbeatIntervalMs: 5_000, heartbeatTimeoutMs: 6_000 }, /heartbeatTimeoutMs.*raise it to 10000/],
    [{ updateKind: 'deltas' }, /initialModel is "none"/],
    [{ rounds: 0 }, /rounds \(--rounds\) is 0; give a whole number from 1/],
    [{ rounds: 1.5 }, /rounds \(--rounds\) is 1.5/],
    [{ rounds: '3' }, /rounds \(--rounds\) is "3"/],
    [{ participantsRatio: Number.NaN }, /participantsRatio/],
    [{ onQuorumMissed: 'wait' }, /one of retry, extend, abandon/],
    [{ minClient: 3 }, /minClient is no setting; did you mean minClients\?/],
    [{ strategyparameters: {} }, /strategyparameters is no setting; did you mean strategyParameters\?/],
    [{ rouns: 3 }, /rouns is no setting; did you mean rounds\?/],
    [{ weather: 3 }, /weather is no setting; known are rounds, minClients, /],
    [
      { strategy: 'FedAdm' },
      /strategy \(--strategy\) is "FedAdm"; give one of .*module:NAME\. Did you mean fedadam\?$/,
    ],
    [{ hyperparameters: { nested: {} } }, /hyperparameters/],
    [{ hyperparameters: { rate: Number.POSITIVE_INFINITY } }, /hyperparameters.*"Infinity".*finite/],
    [{ hyperparametersByRound: [{ fromRound: 1, values: { rate: Number.NaN } }] }, /hyperparametersByRound/],
  ])('is refused with a sentence that names the setting: %j', (given, sentence) => {
    expect(problemOf(given)).toMatch(sentence);
  });

  it('names no more than 16 of the names that it does not know', () => {
    const given = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`unknown${index}`, 1]));
    expect(
      readPlan(given)
        .problems.map(({ setting }) => setting)
        .slice(-2),
    ).toEqual(['unknown14', 'unknown15']);
  });
});
