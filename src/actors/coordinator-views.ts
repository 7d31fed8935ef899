import type { ClientView } from '../domain/client.ts';
import { type Clock, steadyMs } from '../domain/clock.ts';
import { ChorusError } from '../domain/errors.ts';
import { explainClient } from '../domain/explain-client.ts';
import type { ClientPage, ClientQuery } from '../domain/handle.ts';
import type { MetricsSnapshot } from '../domain/metrics-snapshot.ts';
import type { Plan } from '../domain/plan.ts';
import type { RoundKind } from '../domain/round.ts';
import type { RoundRecord } from '../domain/round-record.ts';
import type { RunView, Status } from '../domain/status.ts';
import type { AggregatorActor } from './aggregator.actor.ts';
import type { Coordinator } from './coordinator.actor.ts';
import { outlookOf } from './outlook.ts';
import type { Recorder } from './recorder.ts';

export interface ViewDeps {
  coordinator: Coordinator;
  aggregator: AggregatorActor;
  clock: Clock;
  recorder: Recorder;
  /** Settings of a run that does not name its own. */
  defaults: Plan;
}

/** What the outside may see of the coordinator, read at the moment it is asked for; nothing changes by it. */
export class CoordinatorViews {
  readonly #deps: ViewDeps;

  constructor(deps: ViewDeps) {
    this.#deps = deps;
  }

  status(): Status {
    const { coordinator, aggregator, clock, recorder } = this.#deps;
    const { machines, registry, history, models } = coordinator;
    const { run } = machines;
    const now = { machines: machines.snapshots, tally: coordinator.tally() };
    return {
      run: run?.run ?? null,
      ...outlookOf(now, registry, { aggregator: aggregator.situation, storageTrouble: recorder.trouble }),
      runState: machines.runState,
      roundsTotal: run?.plan.rounds ?? 0,
      kind: history.open?.record.kind ?? null,
      modelVersion: models.current?.version ?? null,
      population: registry.population,
      aggregator: aggregator.state,
      uptimeMs: steadyMs(clock) - coordinator.startedAtMs,
    };
  }

  run(): RunView | null {
    const { machines, runEndedAtMs: endedAtMs } = this.#deps.coordinator;
    const { run, runState: state } = machines;
    if (!run) return null;
    const { run: id, plan, startedAtMs, roundsCommitted, progress, reason } = run;
    const bestVersion = progress.best?.version ?? null;
    return { run: id, state, plan, startedAtMs, endedAtMs, roundsCommitted, bestVersion, reason };
  }

  /** Newest first. */
  rounds(limit: number): RoundRecord[] {
    return this.#allRounds().slice(-limit).reverse();
  }

  /** The newest attempt of a kind at a round of the current run. @throws ROUND_UNKNOWN */
  round(round: number, kind: RoundKind = 'training'): RoundRecord {
    const run = this.#deps.coordinator.machines.run?.run;
    const record = this.#allRounds().findLast((one) => one.run === run && one.round === round && one.kind === kind);
    if (!record) throw new ChorusError('ROUND_UNKNOWN', `Round ${round} of the current run is not known`);
    return record;
  }

  #allRounds(): RoundRecord[] {
    const { open, rounds } = this.#deps.coordinator.history;
    return open ? [...rounds, open.record] : rounds;
  }

  /** @throws CLIENT_UNKNOWN */
  client(slot: number): ClientView {
    const { coordinator, clock, defaults } = this.#deps;
    const { registry, machines } = coordinator;
    const state = registry.stateOf(slot);
    if (state === 'unknown') throw new ChorusError('CLIENT_UNKNOWN');
    const silentMs = Math.max(0, steadyMs(clock) - registry.seenUntilMs(slot));
    const lastSeenAtMs = Math.round(clock.now() - silentMs);
    const phaseEndsAtMs = machines.round === null ? null : machines.phaseSince.deadlineAtMs;
    const silentUntilMs = lastSeenAtMs + (machines.view.plan ?? defaults).heartbeatTimeoutMs;
    const waitingFor = explainClient({ state, phaseEndsAtMs, silentUntilMs });
    return { clientId: registry.idOf(slot), state, waitingFor, lastSeenAtMs, ...registry.profileOf(slot) };
  }

  /** @throws REQUEST_INVALID: the cursor is none of ours. */
  clients({ state, limit = 100, cursor }: ClientQuery): ClientPage {
    const fromSlot = cursor === undefined ? 0 : Number(cursor);
    if (!Number.isSafeInteger(fromSlot) || fromSlot < 0) {
      throw new ChorusError('REQUEST_INVALID', `The cursor ${JSON.stringify(cursor)} was not given out by this server`);
    }
    const slots = this.#deps.coordinator.registry.page(fromSlot, limit, state);
    const last = slots.at(-1);
    return {
      clients: slots.map((slot) => this.client(slot)),
      cursor: slots.length === limit && last !== undefined ? String(last + 1) : null,
    };
  }

  metrics(): MetricsSnapshot {
    const { coordinator, aggregator, recorder } = this.#deps;
    const { machines, registry, models, polls, totals } = coordinator;
    return {
      counts: registry.counts(),
      population: registry.population,
      round: machines.view.round,
      modelVersion: models.current?.version ?? null,
      runState: machines.runState,
      phase: machines.phase,
      heartbeatsTotal: totals.heartbeats,
      registrationsTotal: totals.registrations,
      expiredTotal: totals.expired,
      roundsCommittedTotal: totals.roundsCommitted,
      roundsAbandonedTotal: totals.roundsAbandoned,
      updatesTotal: { ...totals.updates },
      aggregatorRestartsTotal: aggregator.restarts,
      evaluationsTotal: { ...totals.evaluations },
      longPollsHeld: polls.count,
      journal: recorder.numbers,
    };
  }
}
