import { describe, expect, it } from 'vitest';
import type { Fact, OpenPhase } from '../../src/domain/facts.ts';
import type { Plan } from '../../src/domain/plan.ts';
import type { Tally } from '../../src/domain/round.ts';
import { History } from '../../src/history/history.ts';
import { createMapStates } from '../../src/history/map-states.ts';
import { cannotResume, resumeOf } from '../../src/history/resume.ts';
import { modelWindowMs } from '../../src/machines/coordinator.setup.ts';
import { factsOf, model, runStarted, training } from './support/facts.ts';

const windowMs = 60_000;
const plan: Partial<Plan> = { trainingWindowMs: windowMs, selectionWindowMs: 20_000, heartbeatTimeoutMs: 15_000 };

/** What a server finds that is started at `atMs`, after these facts. */
function found(facts: readonly Fact[], atMs: number, durability: 'update' | 'round' = 'update') {
  const clients = createMapStates();
  const history = new History(clients);
  for (const [index, fact] of facts.entries()) history.apply({ seq: index + 1, atMs: 1_000, fact });
  const contributions = history.open?.record.contributions.length ?? 0;
  const tally: Tally = {
    ...clients.counts(),
    population: clients.population,
    evaluatorsWaiting: 0,
    contributions,
    atMs,
  };
  return { history, why: cannotResume(history, durability), resume: resumeOf(history, tally) };
}

const place = { at: 0, bytes: 10 };

/** In the first round, in this phase. */
const inPhase = (phase: OpenPhase, deadlineAtMs: number, cohort: readonly string[] = ['a']): Fact[] => [
  ...training(cohort, 0, plan).slice(0, -1),
  {
    type: 'position',
    position: {
      state: 'round',
      sinceMs: 2_000,
      deadlineAtMs: null,
      run: null,
      round: { phase, target: cohort.length, extensions: 0, sinceMs: 2_000, deadlineAtMs },
    },
  },
];

describe('a server that is started again', () => {
  it('has nothing to go on with in a new folder', () => {
    const { why, resume } = found([], 5_000);
    expect(why).toBeNull();
    expect(resume).toEqual({ state: 'idle', run: null, sinceMs: 5_000, round: null });
  });

  it('goes on in the phase in which the round was, with the cohort and the time it had', () => {
    const { why, resume } = found([...training(['a', 'b'], 40_000, plan), ...factsOf.update('a', 1, place)], 10_000);
    expect(why).toBeNull();
    expect(resume.state).toBe('round');
    expect(resume.round).toMatchObject({ round: 1, attempt: 1, beginsIn: 'training', target: 2, deadlineAtMs: 40_000 });
    expect(resume.round?.tally).toMatchObject({ contributions: 1, done: 1, selected: 1, atMs: 10_000 });
  });

  it('gives clients time to be heard of when the deadline passed while nobody was there', () => {
    const { resume } = found(training(['a'], 40_000, plan), 100_000);
    expect(resume.round?.deadlineAtMs).toBe(100_000 + 15_000);
  });

  it('gives them the same time when the deadline is about to pass, for connections are only made again', () => {
    const { resume } = found(training(['a'], 40_000, plan), 39_000);
    expect(resume.round?.deadlineAtMs).toBe(39_000 + 15_000);
  });

  it('gives no more than a window after a deadline that passed', () => {
    const short = { ...plan, trainingWindowMs: 9_000 };
    expect(found(training(['a'], 40_000, short), 100_000).resume.round?.deadlineAtMs).toBe(109_000);
  });

  it('waits no longer than a whole window when the clock was set back', () => {
    const { resume } = found(training(['a'], 10 * 3_600_000, plan), 3_000);
    expect(resume.round?.deadlineAtMs).toBe(3_000 + windowMs);
  });

  it('goes on selecting, within the window of selection', () => {
    const facts = inPhase('selecting', 24_000, []);
    expect(found(facts, 5_000).resume.round).toMatchObject({ beginsIn: 'selecting', deadlineAtMs: 24_000 });
    expect(found(facts, 50_000).resume.round).toMatchObject({ beginsIn: 'selecting', deadlineAtMs: 65_000 });
  });

  it('begins the training of a cohort that was chosen when the process ended', () => {
    const { resume } = found(inPhase('selecting', 12_000, ['a', 'b']), 50_000);
    expect(resume.round).toMatchObject({
      beginsIn: 'training',
      target: 2,
      sinceMs: 50_000,
      deadlineAtMs: 50_000 + windowMs,
    });
  });

  it.each(['aggregating', 'committing'] as const)('sums again what was %s', (phase) => {
    const { why, resume } = found(
      [...training(['a'], 40_000, plan), ...factsOf.update('a', 1, place), inPhase(phase, 30_000).at(-1) as Fact],
      10_000,
    );
    expect(why).toBeNull();
    expect(resume.round).toMatchObject({ beginsIn: 'aggregating', attempt: 1 });
  });

  it('keeps what waits for people waiting since it began to', () => {
    const paused: Fact = {
      type: 'position',
      position: { state: 'paused', sinceMs: 7_000, deadlineAtMs: null, run: null, round: null },
    };
    const { resume } = found([runStarted(), paused], 90_000);
    expect(resume).toMatchObject({ state: 'paused', sinceMs: 7_000, round: null, run: { run: 'the-run' } });
  });

  it('gives the time to upload an initial model again when it passed while nobody was there', () => {
    const waiting = [runStarted('upload')];
    expect(found(waiting, 5_000).resume).toMatchObject({ state: 'awaitingModel', sinceMs: 1_000 });
    expect(found(waiting, 1_000 + modelWindowMs).resume).toMatchObject({ sinceMs: 1_000 + modelWindowMs });
    // The clock was set back.
    expect(found(waiting, 500).resume).toMatchObject({ sinceMs: 500 });
  });

  it('opens the next round after one that was committed', () => {
    const facts: Fact[] = [
      ...training(['a'], 40_000, plan),
      ...factsOf.update('a', 1, place),
      { type: 'round.committed', model: model(1), record: null },
    ];
    const { why, resume } = found(facts, 10_000);
    expect(why).toBeNull();
    expect(resume).toMatchObject({ state: 'opening', round: null, run: { round: 2, attempt: 1 } });
  });
});

describe('an attempt cannot be gone on with', () => {
  const open = training(['a', 'b'], 40_000, plan);

  it('when the new server writes nothing about open rounds', () => {
    expect(found(open, 10_000, 'round').why).toMatch(/durability "round"/);
    expect(found(open, 10_000, 'update').why).toBeNull();
  });

  it('when it was only being opened', () => {
    const { why, resume } = found([runStarted('none', plan), ...factsOf.opened(1, 1, null)], 10_000);
    expect(why).toMatch(/being opened/);
    expect(resume).toMatchObject({ state: 'opening', round: null });
  });

  it('when an initial model was installed in it', () => {
    expect(found([...open, { type: 'model.installed', model: model(1) }], 10_000).why).toMatch(/initial model/);
  });

  it('when one of its updates was in memory only', () => {
    expect(found([...open, ...factsOf.update('a', 1, null)], 10_000).why).toMatch(/in memory only/);
    expect(found([...open, ...factsOf.update('a', 1, place)], 10_000).why).toBeNull();
  });
});
