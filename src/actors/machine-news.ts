import type { Clock } from '../domain/clock.ts';
import type { Position } from '../domain/facts.ts';
import { kindOf } from '../domain/round.ts';
import { attemptOf, type Run } from '../domain/run.ts';
import type { History } from '../history/history.ts';
import type { AggregatorActor } from './aggregator.actor.ts';
import type { CoordinatorMachines } from './coordinator-machines.ts';
import type { BoundedEventFeed } from './event-feed.ts';
import type { Membership } from './membership.ts';
import { isSamePlace, positionOf } from './position.ts';
import { type Recorder, unlessRefused } from './recorder.ts';
import type { Standings } from './standings.ts';

export interface MachineNewsDeps {
  clock: Clock;
  history: History;
  recorder: Recorder;
  feed: BoundedEventFeed;
  aggregator: AggregatorActor;
  machines: CoordinatorMachines;
  standings: Standings;
  membership: Membership;
  /** When the run ended, in an earlier process; null: it did not. */
  endedAtMs: number | null;
}

/** After every transition: where the machines stand is recorded, and subscribers and held calls are told. */
export class MachineNews {
  readonly #deps: MachineNewsDeps;
  #lastTold = '';
  /** What was recorded last. */
  #lastPosition: Position | null = null;
  #lastRun: Run | null = null;
  #endedAtMs: number | null;

  constructor(deps: MachineNewsDeps) {
    this.#deps = deps;
    this.#endedAtMs = deps.endedAtMs;
  }

  /** null: there is no run, or it goes on. */
  get runEndedAtMs(): number | null {
    return this.#endedAtMs;
  }

  changed(): void {
    const { clock, machines } = this.#deps;
    this.#recordPosition();
    this.#endedAtMs = machines.isOver ? (this.#endedAtMs ?? clock.now()) : null;
    this.#tell();
  }

  #tell(): void {
    const { machines, feed, standings } = this.#deps;
    const { run, runState, phase } = machines;
    const { round } = machines.view;
    const { attempt = 0, evaluates = null } = run ? attemptOf(run) : {};
    const news = `${runState} ${phase} ${round} ${attempt} ${run?.run}`;
    if (news === this.#lastTold) return;
    this.#lastTold = news;
    feed.publish('phase', {
      run: run?.run ?? null,
      runState,
      phase,
      round,
      attempt,
      kind: run ? kindOf({ evaluates }) : null,
      deadlineAtMs: machines.phaseSince.deadlineAtMs,
    });
    standings.wakeAll();
  }

  #recordPosition(): void {
    const { history, recorder, aggregator, machines, membership } = this.#deps;
    const { run } = machines;
    const position = positionOf(machines.snapshots, history.open !== null);
    if (!position || (run === this.#lastRun && isSamePlace(position, this.#lastPosition))) return;
    this.#lastRun = run;
    this.#lastPosition = position;
    const { carried } = history;
    const wasCarried = carried.size > 0;
    unlessRefused(() => recorder.note({ type: 'position', position }));
    if (wasCarried && carried.size === 0) {
      // No round comes in which they could report.
      recorder.onceWritten(() => void aggregator.abandonRound());
      membership.changed();
    }
    if (position.state !== 'round') recorder.checkpointWhenDue();
  }
}
