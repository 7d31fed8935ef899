import { type Actor, createActor, fromPromise, type InspectionEvent, type Observer } from 'xstate';
import type { Aggregate, RoundOrder, TrainingReport, Verdict } from '../domain/aggregation.ts';
import type { ClientProfile } from '../domain/client.ts';
import type { Clock } from '../domain/clock.ts';
import { ChorusError, fromRefusal } from '../domain/errors.ts';
import type { ExclusionReason, Phase, RoundRecord, RunState, TrainingTicket } from '../domain/handle.ts';
import type { ModelInfo } from '../domain/model.ts';
import type { Plan } from '../domain/plan.ts';
import type { RandomStream } from '../domain/random.ts';
import { isFull, type Round, type RoundOutcome, type Tally } from '../domain/round.ts';
import type { Run } from '../domain/run.ts';
import { coordinatorMachine } from '../machines/coordinator.machine.ts';
import { deadline } from '../machines/deadline.ts';
import { type RoundEvent, roundMachine } from '../machines/round.machine.ts';
import type { ModelStore } from '../storage/model-store.ts';
import type { AggregatorActor } from './aggregator.actor.ts';
import { BoundedEventFeed } from './event-feed.ts';
import { LongPolls, type Standing } from './long-polls.ts';
import { ModelKeeper } from './model-keeper.ts';
import { ClientRegistry } from './registry.ts';
import { RoundLedger, weightedMetrics } from './round-ledger.ts';
import { type SelectionAnswered, type SelectionPolicy, startSelector } from './selector.actor.ts';

/** Attempts at rounds kept for `GET /v1/rounds`. */
const roundsKeptMax = 1_000;
/** At most so often is a change of membership told to subscribers, ms. */
const membershipNewsMs = 250;

/** What the machine last said, as far as heartbeats need it: read with each of them, written with each transition. */
export interface CoordinatorView {
  run: string | null;
  plan: Plan | null;
  /** The open, or else the last, round; 0 before the first. */
  round: number;
  /** The run has no further round. */
  isOver: boolean;
}

export interface CoordinatorDeps {
  clock: Clock;
  /** Decides selection and pacing. */
  random: RandomStream;
  /** Unpredictable bits for ids. */
  entropy: RandomStream;
  /** Mints run ids and training tokens: UUIDs. */
  uuid: () => string;
  aggregator: AggregatorActor;
  models: ModelStore;
  policy: SelectionPolicy;
  clientsMax: number;
  /** Before the first run. */
  heartbeatTimeoutMs: number;
  /** Told when a machine breaks an invariant; the run goes on with another attempt. */
  onCrash: (error: unknown) => void;
  inspect?: Observer<InspectionEvent> | ((event: InspectionEvent) => void);
}

/**
 * The coordinator: the only writer of the client registry. Handles one message at a time, tells the round machine what
 * happened together with a fresh tally, and carries out what the machine decides. It knows no HTTP; the outside sees
 * it as a `CoordinatorHandle`.
 */
export class Coordinator {
  readonly registry: ClientRegistry;
  readonly feed: BoundedEventFeed;
  readonly polls: LongPolls;
  readonly models: ModelKeeper;
  readonly rounds: RoundRecord[] = [];
  readonly totals = {
    heartbeats: 0,
    registrations: 0,
    expired: 0,
    roundsCommitted: 0,
    roundsAbandoned: 0,
    updates: { accepted: 0, discarded: 0, refused: 0 },
  };
  readonly startedAtMs: number;

  readonly #deps: CoordinatorDeps;
  readonly #machine: Actor<typeof coordinatorMachine>;
  readonly #selector: ReturnType<typeof startSelector>;
  #ledger: RoundLedger | null = null;
  #aggregate: Aggregate | null = null;
  #selectionId = 0;
  #selectionWanted = 0;
  #sweepTimer: unknown;
  #membershipTimer: unknown = null;
  #lastNews = '';
  #watchedRound: unknown = null;
  #endedAtMs: number | null = null;
  #view: CoordinatorView = { run: null, plan: null, round: 0, isOver: false };

  constructor(deps: CoordinatorDeps) {
    const { clock, entropy, clientsMax, heartbeatTimeoutMs } = deps;
    this.#deps = deps;
    this.startedAtMs = clock.now();
    this.registry = new ClientRegistry({ clientsMax, heartbeatTimeoutMs, random: entropy, nowMs: clock.now() });
    this.feed = new BoundedEventFeed(() => clock.now());
    this.polls = new LongPolls(clock);
    this.models = new ModelKeeper(deps.models, deps.aggregator);
    this.#selector = startSelector(deps.policy, (answer) => this.#onSelection(answer));
    this.#machine = createActor(this.#provideMachine(), {
      id: 'coordinator',
      input: { tally: this.tally() },
      clock,
      ...(deps.inspect ? { inspect: deps.inspect } : {}),
    });
    this.#machine.subscribe({ next: () => this.#noteChange(), error: deps.onCrash });
  }

  start(): void {
    this.#machine.start();
    this.#armSweep();
  }

  /** Ends every held call; nothing is decided any more. */
  stop(): void {
    this.#machine.send({ type: 'server.drain' });
    this.#deps.clock.clearTimeout(this.#sweepTimer);
    this.#deps.clock.clearTimeout(this.#membershipTimer);
    this.#machine.stop();
    this.#selector.stop();
    this.polls.release();
  }

  // ── what it knows ───────────────────────────────────────────────────────────────────────────────────────────────

  get run(): Run | null {
    return this.#machine.getSnapshot().context.run;
  }

  get runState(): RunState {
    const snapshot = this.#machine.getSnapshot();
    if (snapshot.matches('running') || snapshot.matches('starting'))
      return this.run?.pauseRequested ? 'pausing' : 'running';
    if (snapshot.matches('draining')) return 'stopped';
    return snapshot.value as RunState;
  }

  get isDraining(): boolean {
    return this.#machine.getSnapshot().matches('draining');
  }

  /** The run has no further round: clients hear `finished`. */
  get isOver(): boolean {
    return this.#machine.getSnapshot().hasTag('over');
  }

  get runEndedAtMs(): number | null {
    return this.isOver ? this.#endedAtMs : null;
  }

  /** The open round as its machine sees it, or null. */
  get round(): Round | null {
    return this.#roundSnapshot()?.context ?? null;
  }

  get ledger(): RoundLedger | null {
    return this.#ledger;
  }

  get phase(): Phase {
    const snapshot = this.#machine.getSnapshot();
    const { value } = snapshot;
    if (typeof value === 'string') return value as Phase;
    if (value.running !== 'round') return value.running as Phase;
    const phase = this.#roundSnapshot()?.value ?? 'selecting';
    return (typeof phase === 'string' ? phase : Object.keys(phase)[0]) as Phase;
  }

  get phaseSince(): { sinceMs: number; deadlineAtMs: number | null } {
    return this.round ?? this.#machine.getSnapshot().context;
  }

  /** Counts of this moment, from the registry and the ledger. */
  tally(): Tally {
    return {
      ...this.registry.counts(),
      population: this.registry.population,
      contributions: this.#ledger?.record.contributions.length ?? 0,
      atMs: this.#deps.clock.now(),
    };
  }

  /** What a client is told it is. */
  standing(slot: number): Standing {
    const { isOver, round } = this.#view;
    if (isOver) return { state: 'finished', round };
    const state = this.registry.stateOf(slot);
    return { state: state === 'selected' || state === 'training' ? state : 'standby', round };
  }

  /** What heartbeats are answered from. */
  get view(): CoordinatorView {
    return this.#view;
  }

  /** The open, or else the last, round; 0 before the first. */
  get roundNumber(): number {
    return this.#view.round;
  }

  // ── what may be asked of it ─────────────────────────────────────────────────────────────────────────────────────

  /** @returns the slot, or −1 when the registry is full. */
  register(profile: ClientProfile): number {
    const slot = this.registry.register(this.#deps.clock.now(), profile);
    if (slot === -1) return -1;
    this.totals.registrations += 1;
    this.#membershipChanged();
    return slot;
  }

  /** A client that restarted: it keeps its id, and is out of the open round. */
  registerAgain(slot: number): void {
    this.#takeOut(slot, 'rendezvous', 'reregistered');
    this.registry.refile(slot, this.#deps.clock.now());
    this.totals.registrations += 1;
    this.#membershipChanged();
  }

  leave(slot: number): void {
    this.#takeOut(slot, 'leave', 'left');
    this.#membershipChanged();
  }

  /** @returns false when the client is in no open round. */
  evict(slot: number): boolean {
    const evicted = this.#takeOut(slot, 'evict', 'evicted');
    if (evicted) this.#membershipChanged();
    return evicted;
  }

  /** Mints the token, tells the aggregator, then the client; asked again, the same token. */
  async startTraining(slot: number, clientId: string): Promise<Omit<TrainingTicket, 'aggregatorUrl'>> {
    const ledger = this.#ledger;
    const round = this.round;
    const member = ledger?.members.get(clientId);
    const notSelected = () =>
      new ChorusError('CLIENT_NOT_SELECTED', `Client ${clientId} is ${this.registry.stateOf(slot)}, not selected`);
    if (!ledger || !round || !member || this.phase !== 'training' || !this.registry.apply(slot, 'startTraining')) {
      throw notSelected();
    }
    const { run, round: number, attempt, plan } = round;
    if (member.trainingToken === null) {
      member.trainingToken = this.#deps.uuid();
      this.#wake(slot);
      this.#membershipChanged();
    }
    const { trainingToken } = member;
    const answer = await this.#deps.aggregator.admit({ clientId, round: number, attempt, trainingToken });
    if (answer.kind === 'refused') throw fromRefusal(answer);
    // While the aggregator was told, the round may have ended or the client may have been lost.
    if (
      this.#ledger !== ledger ||
      this.registry.find(clientId) !== slot ||
      this.registry.stateOf(slot) !== 'training'
    ) {
      throw notSelected();
    }
    return {
      run,
      round: number,
      trainingToken,
      modelVersion: this.models.current?.version ?? null,
      hyperparameters: plan.hyperparameters,
      deadlineAtMs: this.round?.deadlineAtMs ?? round.deadlineAtMs,
    };
  }

  /** The aggregator reports how a training ended. The client is settled before this returns. */
  endTraining({ clientId, round, attempt, outcome }: TrainingReport): Verdict {
    const { record } = this.#ledger ?? {};
    if (!this.#ledger || !record || record.round !== round || record.attempt !== attempt || this.phase !== 'training') {
      return this.#discard(clientId, round, `Round ${round} takes no more updates`);
    }
    const slot = this.registry.find(clientId);
    const event = outcome.kind === 'valid' ? 'trainingEnded' : 'trainingFailed';
    if (slot === -1 || this.registry.apply(slot, event) === null) {
      return this.#discard(clientId, round, `Client ${clientId} is not in training`);
    }
    const atMs = this.#deps.clock.now();
    this.registry.touch(slot, Math.max(atMs, this.registry.seenUntilMs(slot)));
    if (outcome.kind === 'valid') {
      this.#ledger.accept({ ...outcome.receipt, metrics: outcome.metrics, acceptedAtMs: atMs });
      this.totals.updates.accepted += 1;
      this.feed.publish('update.accepted', { ...outcome.receipt, metrics: outcome.metrics });
    } else {
      this.#ledger.exclude(clientId, 'uploadsRefused', atMs, outcome.code);
      this.feed.publish('client.excluded', { clientId, round, reason: 'uploadsRefused', code: outcome.code });
    }
    this.#wake(slot);
    const verdict: Verdict =
      outcome.kind === 'valid' ? { kind: 'accepted' } : { kind: 'discarded', detail: 'Its uploads were refused' };
    if (outcome.kind === 'valid') this.#tellRound({ type: 'update.accepted', tally: this.tally() });
    else this.#membershipChanged();
    return verdict;
  }

  noteRefusedUpload(report: { clientId: string; round: number; code: string }): void {
    this.totals.updates.refused += 1;
    this.feed.publish('update.refused', report);
  }

  startRun(plan: Plan): void {
    this.#endedAtMs = null;
    this.#machine.send({ type: 'run.start', run: this.#deps.uuid(), plan, atMs: this.#deps.clock.now() });
  }

  /** @returns false when the run is in no state for it. */
  command(type: 'run.pause' | 'run.resume' | 'run.stop'): boolean {
    if (!this.#machine.getSnapshot().can({ type })) return false;
    this.#machine.send({ type });
    return true;
  }

  /** The initial model of the current run, checked and stored; an attempt that began without it is begun anew. */
  async installModel(bytes: Uint8Array): Promise<ModelInfo> {
    const run = this.run;
    const mayInstall = run !== null && run.roundsCommitted === 0 && !this.isOver;
    if (!run || !mayInstall || this.phase === 'aggregating' || this.phase === 'committing') {
      throw new ChorusError('MODEL_NOT_ACCEPTED');
    }
    const tooLate = new AbortController();
    const watch = this.#machine.subscribe(() => {
      if (this.isOver || this.run?.run !== run.run || this.run.roundsCommitted > 0) {
        tooLate.abort(new ChorusError('MODEL_NOT_ACCEPTED'));
      }
    });
    const info = await this.models
      .install(bytes, run.run, this.#deps.clock.now(), tooLate.signal)
      .finally(() => watch.unsubscribe());
    this.#machine.send({ type: 'model.installed' });
    this.#tellRound({ type: 'round.abort', reason: 'modelInstalled', detail: 'An initial model was installed' });
    this.feed.publish('model.installed', { version: info.version, sha256: info.sha256 });
    return info;
  }

  /** The aggregator's thread is gone, and with it what it had received. */
  aggregatorLost(reason: string): void {
    this.feed.publish('aggregator.lost', { reason });
    if ((this.#ledger?.record.contributions.length ?? 0) === 0) return;
    this.#tellRound({ type: 'round.abort', reason: 'aggregatorLost', detail: `The aggregator was lost: ${reason}` });
  }

  /** It is back, and serves the last model. A round that had lost nothing goes on where it was. */
  aggregatorBack(): void {
    this.feed.publish('aggregator.restarted', {});
  }

  // ── how it is done ──────────────────────────────────────────────────────────────────────────────────────────────

  #provideMachine() {
    const { clock, aggregator } = this.#deps;
    const deadlines = { deadline: deadline(clock) };
    const round = roundMachine.provide({
      actors: {
        ...deadlines,
        aggregate: fromPromise(({ input }) => this.#closeRound(input)),
        commit: fromPromise(({ input, signal }) => this.#commit(input, signal)),
      },
      actions: {
        askSelector: (_, { count }) => this.#askSelector(count),
        dismissStragglers: ({ context }) => this.#dismissStragglers(context),
      },
    });
    return coordinatorMachine.provide({
      actors: {
        ...deadlines,
        round,
        openRound: fromPromise(async ({ input: run, signal }) => {
          await this.models.announce();
          const opened = await aggregator.openRound(this.#orderOf(run));
          if (opened.kind === 'refused') throw fromRefusal(opened);
          signal.throwIfAborted();
          const tally = this.tally();
          this.#ledger = new RoundLedger({ ...run, tally });
          return { tally };
        }),
      },
      actions: {
        settleRound: (_, outcome) => this.#settleRound(outcome),
        applyPlan: (_, { plan }) => {
          this.registry.setHeartbeatTimeout(plan.heartbeatTimeoutMs, clock.now());
          this.models.begin(plan.initialModel);
        },
      },
    });
  }

  #orderOf({ run, round, attempt, plan, ...rest }: Run | Round): RoundOrder {
    return {
      run,
      round,
      attempt,
      deadlineAtMs: 'deadlineAtMs' in rest ? rest.deadlineAtMs : 0,
      uploadAttemptsMax: plan.uploadAttemptsMax,
      downloadsMax: plan.downloadsMax,
      payloadBytesMax: plan.payloadBytesMax,
      numExamplesMax: plan.numExamplesMax,
      updateNormMax: plan.updateNormMax,
      updateKind: plan.updateKind,
      modelVersion: this.models.current?.version ?? null,
    };
  }

  #roundSnapshot() {
    return this.#machine.getSnapshot().children.round?.getSnapshot() ?? null;
  }

  #tellRound(fact: RoundEvent): void {
    this.#machine.send({ type: 'round.fact', fact });
  }

  /** Tells both machines, so that the question "may this round close?" is asked again. */
  #membershipChanged(): void {
    const tally = this.tally();
    this.#machine.send({ type: 'membership.changed', tally });
    if (this.#ledger) this.#tellRound({ type: 'membership.changed', tally });
    this.#membershipTimer ??= this.#deps.clock.setTimeout(() => {
      this.#membershipTimer = null;
      this.feed.publish('membership', { population: this.registry.population, counts: this.registry.counts() });
    }, membershipNewsMs);
  }

  /** A client drops out of whatever it was in. @returns false when its machine refuses the event. */
  #takeOut(
    slot: number,
    event: 'rendezvous' | 'leave' | 'evict' | 'heartbeatTimedOut',
    reason: ExclusionReason,
  ): boolean {
    const before = this.registry.stateOf(slot);
    const clientId = this.registry.idOf(slot);
    if (this.registry.apply(slot, event) === null) return false;
    if (before === 'selected' || before === 'training') {
      this.#ledger?.exclude(clientId, reason, this.#deps.clock.now());
      this.feed.publish('client.excluded', { clientId, round: this.roundNumber, reason });
    }
    if (before === 'training') void this.#deps.aggregator.revoke(clientId);
    this.#wake(slot);
    return true;
  }

  #wake(slot: number): void {
    this.polls.wake(slot, () => (this.registry.stateOf(slot) === 'unknown' ? null : this.standing(slot)));
  }

  #discard(clientId: string, round: number, detail: string): Verdict {
    this.totals.updates.discarded += 1;
    this.feed.publish('update.discarded', { clientId, round, detail });
    return { kind: 'discarded', detail };
  }

  #askSelector(count: number): void {
    this.#selectionId += 1;
    this.#selectionWanted = count;
    this.#selector.ask(this.#selectionId, {
      count,
      round: this.roundNumber,
      random: this.#deps.random,
      candidates: {
        count: this.registry.count('waiting'),
        sample: (size, random) => this.registry.sample('waiting', size, random).map((slot) => this.registry.idOf(slot)),
      },
    });
  }

  #onSelection(answer: SelectionAnswered): void {
    // An answer to an earlier question, or after the round is over, selects nobody.
    if (answer.requestId !== this.#selectionId || !this.#ledger) return;
    if (answer.type === 'selection.failed') {
      this.#deps.onCrash(answer.error);
      this.#tellRound({ type: 'selection.failed', tally: this.tally() });
      return;
    }
    const chosen: string[] = [];
    for (const clientId of answer.clientIds) {
      if (chosen.length === this.#selectionWanted) break;
      const slot = typeof clientId === 'string' ? this.registry.find(clientId) : -1;
      if (slot === -1 || this.registry.apply(slot, 'select') === null) continue;
      this.#ledger.select(clientId, slot);
      chosen.push(clientId);
    }
    this.#selectionId += 1;
    if (chosen.length > 0) {
      const { round, attempt } = this.#ledger.record;
      this.feed.publish('clients.selected', { round, attempt, count: chosen.length, clientIds: chosen.slice(0, 20) });
    }
    this.#tellRound({ type: 'selection.made', tally: this.tally(), selected: chosen.length });
    for (const clientId of chosen) {
      const member = this.#ledger?.members.get(clientId);
      if (member) this.#wake(member.slot);
    }
  }

  #dismissStragglers(round: Round): void {
    const reason: ExclusionReason = isFull(round) ? 'notNeeded' : 'straggler';
    for (const state of ['selected', 'training'] as const) {
      for (const slot of [...this.registry.slotsIn(state)]) {
        this.registry.apply(slot, 'trainingDeadlinePassed');
        this.#ledger?.exclude(this.registry.idOf(slot), reason, this.#deps.clock.now());
        this.#wake(slot);
      }
    }
  }

  async #closeRound({ round, attempt }: Round): Promise<{ atMs: number }> {
    const contributions = this.#ledger?.record.contributions.map(({ clientId }) => clientId) ?? [];
    const answer = await this.#deps.aggregator.closeRound({ round, attempt, contributions });
    if (answer.kind === 'refused') throw fromRefusal(answer);
    this.#aggregate = answer.value;
    return { atMs: this.#deps.clock.now() };
  }

  async #commit({ run, round }: Round, signal: AbortSignal): Promise<{ modelVersion: number }> {
    const record = this.#ledger?.record;
    const aggregate = this.#aggregate;
    if (!record || !aggregate) throw new Error('Nothing to commit');
    const { contributions, numExamples } = record;
    const info = await this.models.commit(
      aggregate,
      {
        run,
        round,
        createdAtMs: this.#deps.clock.now(),
        contributions: contributions.length,
        numExamples,
        metrics: weightedMetrics(contributions),
      },
      signal,
    );
    // At once, also after the last round, so that nobody is served an older model. If it fails, the next round says so.
    this.models.announce().catch(() => undefined);
    return { modelVersion: info.version };
  }

  /** Whatever way a round was left: it is recorded, and its clients are given back to the population. */
  #settleRound(outcome: RoundOutcome): void {
    const ledger = this.#ledger;
    if (!ledger) return;
    const atMs = this.#deps.clock.now();
    this.#ledger = null;
    this.#aggregate = null;
    this.#selectionId += 1;
    if (outcome.kind === 'abandoned') {
      for (const state of ['selected', 'training'] as const) {
        for (const slot of this.registry.slotsIn(state))
          ledger.exclude(this.registry.idOf(slot), 'roundAbandoned', atMs);
      }
      void this.#deps.aggregator.abandonRound();
      this.totals.roundsAbandoned += 1;
    } else this.totals.roundsCommitted += 1;
    for (const state of ['selected', 'training', 'done', 'doneAndInactive', 'ignored'] as const) {
      for (const slot of [...this.registry.slotsIn(state)]) this.registry.apply(slot, 'roundEnded');
    }
    ledger.conclude(outcome, atMs);
    this.rounds.push(ledger.record);
    if (this.rounds.length > roundsKeptMax) this.rounds.shift();
    const { run, round, attempt, contributions, exclusions, metrics, modelVersion, reason } = ledger.record;
    this.feed.publish(`round.${outcome.kind}`, {
      run,
      round,
      attempt,
      modelVersion,
      reason,
      contributions: contributions.length,
      exclusions: exclusions.length,
      metrics,
    });
    this.#membershipChanged();
  }

  /** After every transition: record the phase, tell subscribers and held calls. */
  #noteChange(): void {
    const { run } = this;
    this.#view = {
      run: run?.run ?? null,
      plan: run?.plan ?? null,
      round: run ? Math.min(run.round, run.plan.rounds) : 0,
      isOver: this.isOver,
    };
    const child = this.#machine.getSnapshot().children.round;
    if (child && child !== this.#watchedRound) {
      this.#watchedRound = child;
      child.subscribe({ next: () => this.#noteChange(), error: this.#deps.onCrash });
    }
    const { phase, runState } = this;
    const round = this.round;
    if (this.#ledger && round && this.#ledger.record.round === round.round) {
      this.#ledger.enterPhase(phase as RoundRecord['phase'], round.sinceMs, round.deadlineAtMs, round.target);
    }
    const attempt = this.run?.attempt ?? 0;
    const news = `${runState} ${phase} ${this.roundNumber} ${attempt} ${this.run?.run}`;
    if (news === this.#lastNews) return;
    this.#lastNews = news;
    if (this.isOver) this.#endedAtMs ??= this.#deps.clock.now();
    this.feed.publish('phase', {
      run: this.run?.run ?? null,
      runState,
      phase,
      round: this.roundNumber,
      attempt,
      deadlineAtMs: this.phaseSince.deadlineAtMs,
    });
    this.polls.wakeAll((slot) => (this.registry.stateOf(slot) === 'unknown' ? null : this.standing(slot)));
  }

  #armSweep(): void {
    this.#sweepTimer = this.#deps.clock.setTimeout(() => {
      let lost = 0;
      this.registry.expire(this.#deps.clock.now(), (slot) => {
        lost += 1;
        this.#takeOut(slot, 'heartbeatTimedOut', 'heartbeatTimeout');
      });
      this.totals.expired += lost;
      if (lost > 0) this.#membershipChanged();
      this.#armSweep();
    }, this.registry.expiryTickMs);
  }
}
