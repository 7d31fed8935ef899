import { explain } from '../domain/explain.ts';
import type { Tally } from '../domain/round.ts';
import { attemptOf, roundOf } from '../domain/run.ts';
import type { Phase, RunState, Status } from '../domain/status.ts';
import { filterOf } from '../selection/plan-filter.ts';
import type { History } from './history.ts';
import type { MapStates } from './map-states.ts';
import { openRoundOf } from './open-round.ts';
import type { Replayed } from './replay.ts';

/** What the server would have answered then; the aggregator and the process leave no trace of how they were. */
export type PastStatus = Omit<Status, 'aggregator' | 'uptimeMs'>;

/** The status at the moment of the last fact, with why the run waited then. */
export function statusOf({ history, clients }: Replayed): PastStatus {
  const { run, position, current, open } = history;
  const tally = tallyOf(history, clients);
  const phase = phaseOf(history);
  const round = openRoundOf(history, tally);
  const openClientIds = phase === 'training' ? [...clients.idsIn('training'), ...clients.idsIn('selected')] : [];
  const { sinceMs, deadlineAtMs } = round ?? position;
  return {
    run: run?.run ?? null,
    runState: runStateOf(history),
    round: run ? roundOf(run) : 0,
    roundsTotal: run?.plan.rounds ?? 0,
    attempt: run ? attemptOf(run).attempt : 0,
    kind: open?.record.kind ?? null,
    phase,
    modelVersion: current?.version ?? null,
    population: clients.population,
    counts: clients.counts(),
    contributions: tally.contributions,
    target: round && round.target > 0 ? round.target : null,
    quorum: round?.quorum ?? null,
    waitingFor: explain({ phase, sinceMs, deadlineAtMs, tally, run, round, openClientIds, aggregator: null }),
  };
}

/** Counts of that moment: of clients that the round might select, those that the plan's filter lets through. */
function tallyOf({ run, open, atMs }: History, clients: MapStates): Tally {
  const record = open?.record;
  const filter = run && filterOf(run.plan);
  const present = [...clients.list()].filter(([, state]) => state !== 'doneAndInactive');
  const eligible = filter === null ? present : present.filter(([, , of]) => 'test' in filter && filter.test(of));
  return {
    ...clients.counts(),
    waiting: eligible.filter(([, state]) => state === 'waiting').length,
    population: eligible.length,
    evaluatorsWaiting: clients.evaluatorsWaiting,
    contributions: record?.contributions.length ?? 0,
    ...(record?.overSelected ? { cohortWanted: record.overSelected.selected } : {}),
    atMs,
  };
}

const phaseOf = ({ position }: History): Phase =>
  position.state === 'round' ? (position.round?.phase ?? 'selecting') : position.state;

function runStateOf({ run, position: { state } }: History): RunState {
  if (state === 'opening' || state === 'round' || state === 'gathering' || state === 'judging') {
    return run?.pauseRequested ? 'pausing' : 'running';
  }
  return state;
}
