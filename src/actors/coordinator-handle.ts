import type { ClientView } from '../domain/client.ts';
import { type Clock, steadyMs } from '../domain/clock.ts';
import { ChorusError } from '../domain/errors.ts';
import { judgeProblem } from '../domain/evaluation.ts';
import { explain } from '../domain/explain.ts';
import { explainClient } from '../domain/explain-client.ts';
import type {
  ClientPage,
  ClientQuery,
  CoordinatorHandle,
  Heartbeat,
  MetricsSnapshot,
  Registration,
  RoundRecord,
  RunView,
  Status,
  WaitingFor,
} from '../domain/handle.ts';
import { fromInside, type Origin } from '../domain/operations.ts';
import { paceMs } from '../domain/pacing.ts';
import type { Plan } from '../domain/plan.ts';
import type { RandomStream } from '../domain/random.ts';
import type { RoundKind } from '../domain/round.ts';
import { attemptOf } from '../domain/run.ts';
import type { OwnStrategies } from '../domain/strategy-choice.ts';
import { readRunPlan } from '../strategies/of-plan.ts';
import type { AggregatorActor } from './aggregator.actor.ts';
import type { ClientTokens } from './client-tokens.ts';
import type { Coordinator } from './coordinator.actor.ts';
import type { LongTimeline } from './long-timeline.ts';
import type { Recorder } from './recorder.ts';

/** When to come back to a server that is going away, ms. */
const drainRetryAfterMs = 5_000;

export interface HandleDeps {
  coordinator: Coordinator;
  aggregator: AggregatorActor;
  clock: Clock;
  /** Spreads heartbeats; apart from the stream that decides selection, so that calls do not change who is chosen. */
  pacing: RandomStream;
  tokens: ClientTokens;
  /** Origin at which clients reach the aggregator; null while it does not listen. */
  aggregatorUrl: () => string | null;
  /** Settings of a run that does not name its own. */
  defaults: Plan;
  /** Strategies that the server was given, beside ours. */
  strategies: OwnStrategies;
  isDraining: () => boolean;
  timeline: LongTimeline;
  recorder: Recorder;
  /** Whether the server has an evaluator of its own. */
  hasEvaluator: boolean;
}

/** The coordinator as the outside sees it: reads are views, writes are checked, refusals are thrown with a code. */
export function createHandle(deps: HandleDeps): CoordinatorHandle {
  const { coordinator, aggregator, clock, pacing, tokens, defaults } = deps;
  const { registry, polls, models } = coordinator;

  const plan = (): Plan => coordinator.run?.plan ?? defaults;

  function mustServe(): void {
    if (deps.isDraining()) throw new ChorusError('SHUTTING_DOWN', undefined, { retryAfterMs: drainRetryAfterMs });
  }

  function slotOf(clientId: string): number {
    const slot = registry.find(clientId);
    if (slot === -1) throw new ChorusError('CLIENT_UNKNOWN', `No client has the id ${clientId}`);
    return slot;
  }

  /** A client that went away after it contributed has to register again to be there again. */
  function presentSlotOf(clientId: string): number {
    mustServe();
    const slot = slotOf(clientId);
    if (registry.stateOf(slot) === 'doneAndInactive') {
      throw new ChorusError('CLIENT_UNKNOWN', `Client ${clientId} was given up`);
    }
    return slot;
  }

  function beat(slot: number): Heartbeat {
    const { state, round } = coordinator.standing(slot);
    const { run, plan: runPlan } = coordinator.view;
    return { state, run, round, retryAfterMs: paceMs(runPlan ?? defaults, registry.population, pacing) };
  }

  function viewOf(slot: number): ClientView {
    const state = registry.stateOf(slot);
    if (state === 'unknown') throw new ChorusError('CLIENT_UNKNOWN');
    const silentMs = Math.max(0, steadyMs(clock) - registry.seenUntilMs(slot));
    const lastSeenAtMs = Math.round(clock.now() - silentMs);
    const phaseEndsAtMs = coordinator.round === null ? null : coordinator.phaseSince.deadlineAtMs;
    const silentUntilMs = lastSeenAtMs + plan().heartbeatTimeoutMs;
    const waitingFor = explainClient({ state, phaseEndsAtMs, silentUntilMs });
    return { clientId: registry.idOf(slot), state, waitingFor, lastSeenAtMs, ...registry.profileOf(slot) };
  }

  function waitingFor(): WaitingFor {
    const { phase, phaseSince, run, round } = coordinator;
    const openClientIds =
      phase === 'training'
        ? [...registry.slotsIn('training'), ...registry.slotsIn('selected')].map((slot) => registry.idOf(slot))
        : [];
    const { sinceMs, deadlineAtMs } = phaseSince;
    const tally = coordinator.tally();
    return explain({
      ...{ phase, sinceMs, deadlineAtMs, tally, run, round, openClientIds },
      aggregator: aggregator.situation,
    });
  }

  function status(): Status {
    const { run, round, history, registry: clients } = coordinator;
    return {
      run: run?.run ?? null,
      runState: coordinator.runState,
      round: coordinator.roundNumber,
      roundsTotal: run?.plan.rounds ?? 0,
      attempt: run ? attemptOf(run).attempt : 0,
      kind: history.open?.record.kind ?? null,
      phase: coordinator.phase,
      modelVersion: models.current?.version ?? null,
      population: clients.population,
      counts: clients.counts(),
      contributions: coordinator.tally().contributions,
      target: round && round.target > 0 ? round.target : null,
      quorum: round?.quorum ?? null,
      waitingFor: waitingFor(),
      aggregator: aggregator.state,
      uptimeMs: clock.now() - coordinator.startedAtMs,
    };
  }

  function runView(): RunView | null {
    const { run } = coordinator;
    if (!run) return null;
    const { plan: runPlan, startedAtMs, roundsCommitted, progress, reason } = run;
    const endedAtMs = coordinator.runEndedAtMs;
    return {
      run: run.run,
      state: coordinator.runState,
      plan: runPlan,
      startedAtMs,
      endedAtMs,
      roundsCommitted,
      bestVersion: progress.best?.version ?? null,
      reason,
    };
  }

  function allRounds(): RoundRecord[] {
    const { open, rounds } = coordinator.history;
    return open ? [...rounds, open.record] : rounds;
  }

  /** The newest attempt of a kind at a round of the current run. @throws ROUND_UNKNOWN */
  function recordOf(round: number, kind: RoundKind = 'training'): RoundRecord {
    const run = coordinator.run?.run;
    const record = allRounds().findLast((one) => one.run === run && one.round === round && one.kind === kind);
    if (!record) throw new ChorusError('ROUND_UNKNOWN', `Round ${round} of the current run is not known`);
    return record;
  }

  function command(operation: 'pause' | 'resume' | 'stop', origin: Origin = fromInside): Status {
    coordinator.operate({ operation }, { dryRun: false, origin });
    return status();
  }

  return {
    rendezvous({ clientId, ...profile } = {}): Registration {
      mustServe();
      let slot: number;
      if (clientId === undefined) {
        slot = coordinator.register(profile);
        if (slot === -1) throw new ChorusError('REGISTRY_FULL', undefined, { retryAfterMs: plan().heartbeatTimeoutMs });
      } else {
        slot = slotOf(clientId);
        coordinator.registerAgain(slot, profile);
      }
      const id = registry.idOf(slot);
      const { heartbeatIntervalMs, heartbeatTimeoutMs } = plan();
      return { clientId: id, clientToken: tokens.mint(slot, id), heartbeatIntervalMs, heartbeatTimeoutMs };
    },

    authenticate(clientId, token) {
      return tokens.check(slotOf(clientId), clientId, token);
    },

    heartbeat(clientId): Heartbeat {
      const slot = presentSlotOf(clientId);
      coordinator.totals.heartbeats += 1;
      registry.touch(slot, Math.max(steadyMs(clock), registry.seenUntilMs(slot)));
      return beat(slot);
    },

    async waitHeartbeat(clientId, { waitMs, known, signal }): Promise<Heartbeat> {
      const slot = presentSlotOf(clientId);
      coordinator.totals.heartbeats += 1;
      const arrivedAtMs = steadyMs(clock);
      // An open call shows that the client is there; when it breaks off, silence counts from that moment.
      registry.touch(slot, arrivedAtMs + waitMs);
      const standing = known ?? coordinator.standing(slot);
      // Someone who has something to do now, and has not said that it knows, must not be kept waiting.
      const news = known === undefined && (standing.state === 'selected' || standing.state === 'finished');
      try {
        return await polls.hold(slot, () => beat(presentSlotOf(clientId)), {
          waitMs: news ? 0 : waitMs,
          known: standing,
          signal,
        });
      } finally {
        if (registry.find(clientId) === slot && registry.seenUntilMs(slot) <= arrivedAtMs + waitMs) {
          registry.touch(slot, steadyMs(clock));
        }
      }
    },

    async startTraining(clientId) {
      const ticket = await coordinator.startTraining(presentSlotOf(clientId), clientId.toLowerCase());
      return { ...ticket, aggregatorUrl: deps.aggregatorUrl() };
    },

    async reportEvaluation(clientId, result) {
      return coordinator.reportEvaluation(presentSlotOf(clientId), clientId.toLowerCase(), result);
    },

    leave: (clientId) => coordinator.leave(slotOf(clientId)),

    evict(clientId) {
      coordinator.operate({ operation: 'evict', clientId }, { dryRun: false, origin: fromInside });
    },

    status,
    run: runView,
    rounds: (limit = 100) => allRounds().slice(-limit).reverse(),

    round: recordOf,

    selection(round, clientId) {
      const record = recordOf(round);
      const id = clientId.toLowerCase();
      // One that has left may still be in the cohort.
      if (!record.cohort.includes(id)) slotOf(id);
      return coordinator.chooser.explain(record, id);
    },

    clients({ state, limit = 100, cursor }: ClientQuery = {}): ClientPage {
      const fromSlot = cursor === undefined ? 0 : Number(cursor);
      if (!Number.isSafeInteger(fromSlot) || fromSlot < 0) {
        throw new ChorusError(
          'REQUEST_INVALID',
          `The cursor ${JSON.stringify(cursor)} was not given out by this server`,
        );
      }
      const slots = registry.page(fromSlot, limit, state);
      const last = slots.at(-1);
      return {
        clients: slots.map(viewOf),
        cursor: slots.length === limit && last !== undefined ? String(last + 1) : null,
      };
    },

    client: (clientId) => viewOf(slotOf(clientId)),

    models: () => models.list(),
    openModel: (version) => models.open(version),

    startRun(settings = {}, origin = fromInside): RunView {
      mustServe();
      const { plan: wanted, problems } = readRunPlan(settings, defaults, deps.strategies);
      if (problems.length > 0) throw new ChorusError('PLAN_INVALID', problems.map(({ message }) => message).join(' '));
      const unjudged = judgeProblem(wanted, deps.hasEvaluator);
      if (unjudged !== null) throw new ChorusError('PLAN_INVALID', unjudged);
      if (wanted.initialModel === 'latest' && !models.latest) {
        throw new ChorusError(
          'PLAN_INVALID',
          'initialModel is "latest", but no model was committed yet; use "none" or "upload".',
        );
      }
      const { runState } = coordinator;
      if (runState !== 'idle' && !coordinator.isOver) {
        throw new ChorusError(
          'RUN_ACTIVE',
          `Run ${coordinator.run?.run} is ${runState}; stop it first, or wait until it is finished`,
        );
      }
      coordinator.startRun(wanted, origin);
      const view = runView();
      if (!view) throw new ChorusError('RUN_STATE');
      return view;
    },

    async installModel(run, bytes) {
      mustServe();
      if (coordinator.run?.run !== run) throw new ChorusError('RUN_UNKNOWN', `Run ${run} is not the current run`);
      return coordinator.installModel(bytes);
    },

    pauseRun: (origin) => command('pause', origin),
    resumeRun: (origin) => command('resume', origin),
    stopRun: (origin) => command('stop', origin),

    operate(operation, { dryRun, origin = fromInside }) {
      mustServe();
      return coordinator.operate(operation, { dryRun, origin });
    },
    audit: (limit = 200) => coordinator.history.audit.log(limit),

    history: (query) => deps.timeline.page(query),
    moment: (seq) => deps.timeline.moment(seq),

    events: coordinator.feed,

    metrics(): MetricsSnapshot {
      const { totals } = coordinator;
      return {
        counts: registry.counts(),
        population: registry.population,
        round: coordinator.roundNumber,
        modelVersion: models.current?.version ?? null,
        runState: coordinator.runState,
        phase: coordinator.phase,
        heartbeatsTotal: totals.heartbeats,
        registrationsTotal: totals.registrations,
        expiredTotal: totals.expired,
        roundsCommittedTotal: totals.roundsCommitted,
        roundsAbandonedTotal: totals.roundsAbandoned,
        updatesTotal: { ...totals.updates },
        aggregatorRestartsTotal: aggregator.restarts,
        evaluationsTotal: { ...totals.evaluations },
        longPollsHeld: polls.count,
        journal: deps.recorder.numbers,
      };
    },
  };
}
