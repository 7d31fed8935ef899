import { steadyMs } from '../domain/clock.ts';
import { ChorusError } from '../domain/errors.ts';
import { judgeProblem } from '../domain/evaluation.ts';
import type { CoordinatorHandle } from '../domain/handle.ts';
import { fromInside, type Origin } from '../domain/operations.ts';
import { paceMs } from '../domain/pacing.ts';
import type { Heartbeat, Registration } from '../domain/participation.ts';
import type { Plan } from '../domain/plan.ts';
import type { RandomStream } from '../domain/random.ts';
import type { RunView, Status } from '../domain/status.ts';
import type { OwnStrategies } from '../domain/strategy-choice.ts';
import { readRunPlan, strategiesWith } from '../strategies/of-plan.ts';
import type { ClientTokens } from './client-tokens.ts';
import { CoordinatorViews, type ViewDeps } from './coordinator-views.ts';
import type { LongTimeline } from './long-timeline.ts';

/** When to come back to a server that is going away, ms. */
const drainRetryAfterMs = 5_000;

export interface HandleDeps extends ViewDeps {
  /** Spreads heartbeats; apart from the stream that decides selection, so that calls do not change who is chosen. */
  pacing: RandomStream;
  tokens: ClientTokens;
  /** Origin at which clients reach the aggregator; null while it does not listen. */
  aggregatorUrl: () => string | null;
  /** Strategies that the server was given, beside ours. */
  strategies: OwnStrategies;
  isDraining: () => boolean;
  timeline: LongTimeline;
  /** Whether the server has an evaluator of its own. */
  hasEvaluator: boolean;
}

/** The coordinator as the outside sees it: reads are views, writes are checked, refusals are thrown with a code. */
export function createHandle(deps: HandleDeps): CoordinatorHandle {
  const { coordinator, clock, pacing, tokens, defaults } = deps;
  const { registry, polls, models, machines, standings, membership } = coordinator;
  const views = new CoordinatorViews(deps);

  const plan = (): Plan => machines.view.plan ?? defaults;

  const shuttingDown = () => new ChorusError('SHUTTING_DOWN', undefined, { retryAfterMs: drainRetryAfterMs });

  /** For what begins something. */
  function mustServe(): void {
    if (deps.isDraining()) throw shuttingDown();
  }

  /** For what may happen as long as it can be recorded. */
  function mustRecord(): void {
    if (machines.isStopped) throw shuttingDown();
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
    const { state, round } = standings.of(slot);
    const { run } = machines.view;
    return { state, run, round, retryAfterMs: paceMs(plan(), registry.population, pacing) };
  }

  function command(operation: 'pause' | 'resume' | 'stop', origin: Origin = fromInside): Status {
    mustRecord();
    coordinator.operations.operate({ operation }, { dryRun: false, origin });
    return views.status();
  }

  return {
    rendezvous({ clientId, ...profile } = {}): Registration {
      mustServe();
      let slot: number;
      if (clientId === undefined) {
        slot = membership.register(profile);
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
      registry.heardOf(slot, steadyMs(clock));
      return beat(slot);
    },

    async waitHeartbeat(clientId, { waitMs: waitMsWished, known, signal }): Promise<Heartbeat> {
      const slot = presentSlotOf(clientId);
      coordinator.totals.heartbeats += 1;
      const arrivedAtMs = steadyMs(clock);
      // What it knows may be its selection for an attempt that is over: it must not sleep through this one.
      const isDue = standings.of(slot).state === 'selected';
      const waitMs = isDue ? Math.min(waitMsWished, plan().heartbeatIntervalMs) : waitMsWished;
      // An open call shows that the client is there; when it breaks off, silence counts from that moment.
      registry.touch(slot, arrivedAtMs + waitMs);
      const standing = known ?? standings.of(slot);
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
      const ticket = await coordinator.training.start(presentSlotOf(clientId), clientId.toLowerCase());
      return { ...ticket, aggregatorUrl: deps.aggregatorUrl() };
    },

    async reportEvaluation(clientId, result) {
      return coordinator.evaluations.report(presentSlotOf(clientId), clientId.toLowerCase(), result);
    },

    leave(clientId) {
      mustRecord();
      membership.leave(slotOf(clientId));
    },

    evict(clientId) {
      mustRecord();
      coordinator.operations.operate({ operation: 'evict', clientId }, { dryRun: false, origin: fromInside });
    },

    status: () => views.status(),
    run: () => views.run(),
    rounds: (limit = 100) => views.rounds(limit),
    round: (round, kind) => views.round(round, kind),

    selection(round, clientId) {
      const record = views.round(round);
      const id = clientId.toLowerCase();
      // One that has left may still be in the cohort.
      if (!record.cohort.includes(id)) slotOf(id);
      return coordinator.chooser.explain(record, id);
    },

    strategies: () => strategiesWith(deps.strategies),

    clients: (query = {}) => views.clients(query),
    client: (clientId) => views.client(slotOf(clientId)),

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
      const { runState } = machines;
      if (runState !== 'idle' && !machines.isOver) {
        throw new ChorusError(
          'RUN_ACTIVE',
          `Run ${machines.run?.run} is ${runState}; stop it first, or wait until it is finished`,
        );
      }
      coordinator.operations.startRun(wanted, origin);
      const view = views.run();
      if (!view) throw new ChorusError('RUN_STATE');
      return view;
    },

    async installModel(run, bytes) {
      mustServe();
      if (machines.run?.run !== run) throw new ChorusError('RUN_UNKNOWN', `Run ${run} is not the current run`);
      return coordinator.installModel(bytes);
    },

    pauseRun: (origin) => command('pause', origin),
    resumeRun: (origin) => command('resume', origin),
    stopRun: (origin) => command('stop', origin),

    operate(operation, { dryRun, origin = fromInside }) {
      mustServe();
      return coordinator.operations.operate(operation, { dryRun, origin });
    },
    audit: (limit = 200) => coordinator.history.audit.log(limit),

    history: (query) => deps.timeline.page(query),
    moment: (seq) => deps.timeline.moment(seq),

    events: coordinator.feed,

    metrics: () => views.metrics(),
  };
}
