import { type Actor, assign, createActor, fromPromise, type InspectionEvent, type Observer } from 'xstate';
import type { Recovered } from '../domain/aggregation.ts';
import type { ClientProfile } from '../domain/client.ts';
import { type Clock, steadyMs } from '../domain/clock.ts';
import { ChorusError, type ErrorCode } from '../domain/errors.ts';
import type { Position } from '../domain/facts.ts';
import type { EvaluationResult, ExclusionReason, OperationAnswer, Phase, Receipt, RunState } from '../domain/handle.ts';
import type { ModelInfo } from '../domain/model.ts';
import type { AuditEntry, Operation, Origin } from '../domain/operations.ts';
import { isBuffered, type Plan } from '../domain/plan.ts';
import type { RandomStream } from '../domain/random.ts';
import { kindOf, type Round, type Tally } from '../domain/round.ts';
import { attemptOf, type Run, roundOf } from '../domain/run.ts';
import type { OwnStrategies } from '../domain/strategy-choice.ts';
import type { History } from '../history/history.ts';
import { lossOf } from '../history/possible.ts';
import { cannotResume, resumeOf } from '../history/resume.ts';
import { readBackMsMax } from '../machines/aggregator.machine.ts';
import { coordinatorMachine } from '../machines/coordinator.machine.ts';
import { deadline } from '../machines/deadline.ts';
import { type RoundEvent, roundMachine } from '../machines/round.machine.ts';
import type { ModelStore } from '../storage/model-store.ts';
import type { AggregatorActor } from './aggregator.actor.ts';
import type { ClientTokens } from './client-tokens.ts';
import { CohortChooser } from './cohort-chooser.ts';
import { BoundedEventFeed } from './event-feed.ts';
import { bytesOf } from './given-round.ts';
import { type Judge, judgeModel } from './judge.ts';
import { LongPolls, type Standing } from './long-polls.ts';
import { type Machines, phaseOf, phaseSinceOf, runStateOf } from './machine-state.ts';
import { ModelKeeper } from './model-keeper.ts';
import { Operator } from './operator.ts';
import type { Planned } from './planned.ts';
import { isSamePlace, positionOf } from './position.ts';
import type { Recorder } from './recorder.ts';
import type { ClientRegistry } from './registry.ts';
import { openingAttemptsMax, RoundWork } from './round-work.ts';
import type { SelectionPolicy } from './selector.actor.ts';

/** At most so often is a change of membership told to subscribers, ms. */
const membershipNewsMs = 250;

/** Clients that a new filter is tried on in one go, so that others are answered in between. */
const filterSliceMax = 5_000;

/** Events that one process can number before the numbers of the next begin. */
const eventsPerProcessMax = 2 ** 32;

/** What the machine last said, as far as heartbeats need it: read with each of them, written with each transition. */
export interface CoordinatorView {
  run: string | null;
  plan: Plan | null;
  /** The open, or else the last, round; 0 before the first. */
  round: number;
  /** The run has no further round. */
  isOver: boolean;
  isBuffered: boolean;
}

export interface CoordinatorDeps {
  clock: Clock;
  /** Decides selection. */
  random: RandomStream;
  /** Mints run ids: UUIDs. */
  uuid: () => string;
  aggregator: AggregatorActor;
  models: ModelStore;
  /** Chooses instead of what plans say; null: they say. */
  policy: SelectionPolicy | null;
  /** Strategies that the server was given, beside ours. */
  strategies: OwnStrategies;
  /** The server's own evaluator; null: there is none. */
  judge: Judge | null;
  registry: ClientRegistry;
  /** What happened before this process began, if anything. */
  history: History;
  recorder: Recorder;
  tokens: ClientTokens;
  /** Of this server, for the history. */
  version: string;
  /** Told when a machine breaks an invariant; the run goes on with another attempt. */
  onCrash: (error: unknown) => void;
  inspect?: Observer<InspectionEvent> | ((event: InspectionEvent) => void);
}

const exclusionOf = {
  rendezvous: 'reregistered',
  leave: 'left',
  evict: 'evicted',
  heartbeatTimedOut: 'heartbeatTimeout',
} as const satisfies Record<string, ExclusionReason>;

/**
 * The coordinator: the only writer of the client registry. Handles one message at a time, records what happened, tells
 * the round machine with a fresh tally, and carries out what the machine decides. It knows no HTTP; the outside sees it
 * as a `CoordinatorHandle`.
 */
export class Coordinator {
  readonly registry: ClientRegistry;
  readonly history: History;
  readonly feed: BoundedEventFeed;
  readonly polls: LongPolls;
  readonly models: ModelKeeper;
  readonly chooser: CohortChooser;
  readonly totals = {
    heartbeats: 0,
    registrations: 0,
    expired: 0,
    roundsCommitted: 0,
    roundsAbandoned: 0,
    evaluations: { done: 0, failed: 0 },
    updates: { accepted: 0, discarded: 0, refused: 0 },
  };
  readonly startedAtMs: number;

  readonly #deps: CoordinatorDeps;
  readonly #work: RoundWork;
  readonly #operator: Operator;
  readonly #machine: Actor<typeof coordinatorMachine>;
  #sweepTimer: unknown;
  #membershipTimer: unknown = null;
  #filterTimer: unknown = null;
  #lastNews = '';
  /** What was recorded last. */
  #lastPosition: Position | null = null;
  #lastRun: Run | null = null;
  #watchedRound: unknown = null;
  #endedAtMs: number | null = null;
  #view: CoordinatorView = { run: null, plan: null, round: 0, isOver: false, isBuffered: false };

  constructor(deps: CoordinatorDeps) {
    const { clock, registry, history, recorder, aggregator, tokens, random, policy, strategies, onCrash } = deps;
    this.#deps = deps;
    this.startedAtMs = clock.now();
    this.registry = registry;
    this.history = history;
    this.feed = new BoundedEventFeed(
      () => clock.now(),
      history.starts * eventsPerProcessMax,
      (tell) => recorder.onceWritten(tell),
    );
    this.polls = new LongPolls(clock);
    this.models = new ModelKeeper(deps.models, aggregator, history);
    this.#beginAgain();
    const chooser = new CohortChooser({ registry, history, random, policy, onCrash });
    this.chooser = chooser;
    if (history.run) chooser.begin(history.run.plan);
    // Nobody is waiting for an answer yet.
    registry.testMore(Number.POSITIVE_INFINITY);
    this.#work = new RoundWork({
      ...{ clock, registry, history, chooser, recorder, aggregator, tokens, strategies, onCrash },
      feed: this.feed,
      models: this.models,
      totals: this.totals,
      tally: () => this.tally(),
      round: () => this.round,
      isTraining: () => this.phase === 'training',
      tell: (fact) => this.#tellRound(fact),
      membershipChanged: () => this.#membershipChanged(),
      countsChanged: () => this.#countsChanged(),
      wake: (slot) => this.#wake(slot),
    });
    this.#operator = new Operator({
      ...{ clock, registry, history, recorder, strategies },
      feed: this.feed,
      machines: () => this.#machines(),
      tally: () => this.tally(),
    });
    const { state, run, sinceMs, round } = resumeOf(history, this.tally());
    // What waits for people waits since it began to; what works begins to work now.
    const isAtWork = state === 'opening' || state === 'round';
    this.#endedAtMs = state === 'finished' || state === 'stopped' ? sinceMs : null;
    this.#machine = createActor(this.#provideMachine(), {
      id: 'coordinator',
      input: {
        tally: { ...this.tally(), atMs: isAtWork || !run ? clock.now() : sinceMs },
        beginsIn: state,
        run,
        resumed: round,
        // As often as it is tried.
        readBackMsMax: openingAttemptsMax * readBackMsMax(bytesOf(this.stagedContributions() ?? [])),
      },
      clock,
      ...(deps.inspect ? { inspect: deps.inspect } : {}),
    });
    this.#machine.subscribe({ next: () => this.#noteChange(), error: onCrash });
  }

  start(): void {
    this.#machine.start();
    if (this.run) this.#membershipChanged();
    this.#armSweep();
  }

  /** Ends every held call; nothing is decided any more. An open round is left for the next process to go on with. */
  stop(): void {
    this.#machine.send({ type: 'server.drain' });
    this.#deps.clock.clearTimeout(this.#sweepTimer);
    this.#deps.clock.clearTimeout(this.#membershipTimer);
    this.#deps.clock.clearTimeout(this.#filterTimer);
    this.#machine.stop();
    this.#work.stop();
    this.polls.release();
  }

  /** Settles when a round that is gone on with is open again, or given up: both within its deadline. */
  async resumed(): Promise<void> {
    if (this.#machine.getSnapshot().context.resumed === null) return;
    await new Promise<void>((resolve) => {
      const watch = this.#machine.subscribe({
        next: ({ value }) => {
          if (typeof value === 'object' && value.running === 'opening') return;
          watch.unsubscribe();
          resolve();
        },
        complete: resolve,
        error: () => resolve(),
      });
    });
  }

  // ── what it knows ───────────────────────────────────────────────────────────────────────────────────────────────

  get run(): Run | null {
    return this.#machine.getSnapshot().context.run;
  }

  get runState(): RunState {
    return runStateOf(this.#machines());
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

  get phase(): Phase {
    return phaseOf(this.#machines());
  }

  get phaseSince(): { sinceMs: number; deadlineAtMs: number | null } {
    return phaseSinceOf(this.#machines());
  }

  /** Counts of this moment, from the registry and the history; whom the filter leaves out is not there for a round. */
  tally(): Tally {
    const record = this.history.open?.record;
    return {
      ...this.registry.counts(),
      waiting: this.registry.eligibleWaiting,
      population: this.registry.eligiblePopulation,
      evaluatorsWaiting: this.registry.evaluatorsWaiting,
      contributions: record?.contributions.length ?? 0,
      ...(record?.overSelected ? { cohortWanted: record.overSelected.selected } : {}),
      atMs: this.#deps.clock.now(),
    };
  }

  /** What a client is told it is. */
  standing(slot: number): Standing {
    const { isOver, round } = this.#view;
    if (isOver) return { state: 'finished', round };
    const state = this.registry.stateOf(slot);
    if (state !== 'selected' && state !== 'training') return { state: 'standby', round };
    return { state, round: this.#view.isBuffered ? this.#startOf(slot, round) : round };
  }

  /** The round that a client takes part in is the one it began in, also when others have passed meanwhile. */
  #startOf(slot: number, round: number): number {
    const clientId = this.registry.idOf(slot);
    const { open, carried } = this.history;
    return (open?.starts.get(clientId) ?? carried.get(clientId))?.round ?? round;
  }

  /** What heartbeats are answered from. */
  get view(): CoordinatorView {
    return this.#view;
  }

  /** The open, or else the last, round; 0 before the first. */
  get roundNumber(): number {
    return this.#view.round;
  }

  /** Accepted updates of the open round that a new life of the aggregator can be given back, or null. */
  stagedContributions(): Recovered['contributions'] | null {
    return this.#work.stagedContributions();
  }

  // ── what may be asked of it ─────────────────────────────────────────────────────────────────────────────────────

  /** @returns the slot, or −1 when the registry is full. @throws STORAGE_UNAVAILABLE */
  register(profile: ClientProfile): number {
    const slot = this.registry.register(steadyMs(this.#deps.clock), profile);
    if (slot === -1) return -1;
    try {
      this.#deps.recorder.must({ type: 'client.registered', clientId: this.registry.idOf(slot), ...profile });
    } catch (error) {
      this.registry.apply(slot, 'leave');
      throw error;
    }
    this.chooser.registered(slot);
    this.totals.registrations += 1;
    this.#membershipChanged();
    return slot;
  }

  /** A client that restarted: it keeps its id, and is out of the open round. @throws STORAGE_UNAVAILABLE */
  registerAgain(slot: number, { evaluates = false }: ClientProfile): void {
    this.#work.giveUpRefused(slot);
    const { recorder } = this.#deps;
    if (this.registry.takes(slot, 'rendezvous')) {
      this.#takeOut(slot, 'rendezvous', (clientId) =>
        recorder.must({ type: 'client.returned', clientId, ...(evaluates ? { evaluates } : {}) }),
      );
    }
    this.registry.refile(slot, steadyMs(this.#deps.clock));
    this.totals.registrations += 1;
    this.#membershipChanged();
  }

  leave(slot: number): void {
    this.#lose([slot], 'left');
    this.#membershipChanged();
  }

  startTraining(slot: number, clientId: string) {
    return this.#work.startTraining(slot, clientId);
  }

  endTraining(report: Parameters<RoundWork['endTraining']>[0]) {
    return this.#work.endTraining(report);
  }

  reportEvaluation(slot: number, clientId: string, result: EvaluationResult): Promise<Receipt> {
    return this.#work.evaluations.report(slot, clientId, result);
  }

  noteRefusedUpload(report: { clientId: string; round: number; code: ErrorCode }): void {
    this.totals.updates.refused += 1;
    this.#work.noteRefusal(report);
    this.feed.publish('update.refused', report);
  }

  /** @throws STORAGE_UNAVAILABLE */
  startRun(plan: Plan, origin: Origin): void {
    const run = this.#deps.uuid();
    const sentence = `A run of ${plan.rounds} rounds was started`;
    const entry = this.#operator.entryOf('start', { run, rounds: plan.rounds }, sentence, origin);
    this.#deps.recorder.must({ type: 'run.started', run, plan }, { type: 'operation', entry });
    this.#operator.tell(entry);
    this.#endedAtMs = null;
    this.chooser.begin(plan);
    this.#machine.send({ type: 'run.start', run, plan, atMs: this.#deps.clock.now() });
    this.#tryFilter();
  }

  /** What an operator asks for: tried out, or written down and done. @throws any of `Operator.plan` */
  operate(operation: Operation, { dryRun, origin }: { dryRun: boolean; origin: Origin }): OperationAnswer {
    const planned = this.#operator.plan(operation);
    const { before, after, sentences } = planned;
    if (!dryRun) {
      // So that no crash leaves the one without the other.
      this.#deps.recorder.together(() => this.#carryOut(planned, this.#operator.writeDown(planned, origin)));
    }
    return { dryRun, sentences, before, after };
  }

  #carryOut({ operation, slot, round }: Planned, entry: AuditEntry): void {
    const { recorder } = this.#deps;
    switch (operation.operation) {
      case 'pause':
      case 'resume':
      case 'stop':
        this.#machine.send({ type: `run.${operation.operation}` });
        break;
      case 'extendDeadline':
        this.#tellRound({ type: 'deadline.extended', byMs: operation.byMs, tally: this.tally() });
        break;
      case 'lowerQuorum': {
        const { quorum } = operation;
        const { atMs, by, seq } = entry;
        const decision = { from: round?.quorum ?? quorum, to: quorum, atMs, by, auditSeq: seq };
        recorder.note({ type: 'quorum.lowered', decision });
        this.#tellRound({ type: 'quorum.lowered', quorum, tally: this.tally() });
        break;
      }
      case 'evict':
        this.#takeOut(slot, 'evict', (clientId) => recorder.note({ type: 'client.evicted', clientId }));
        this.#membershipChanged();
        break;
      case 'readmit':
        recorder.note({ type: 'client.readmitted', clientId: this.registry.idOf(slot) });
        this.#wake(slot);
        this.#membershipChanged();
        break;
    }
  }

  /** The initial model of the current run, checked and stored; an attempt that began without it is begun anew. */
  async installModel(bytes: Uint8Array): Promise<ModelInfo> {
    const { run } = this;
    const isTooLate = () => {
      const { phase } = this;
      const isLate = this.isOver || this.run?.run !== run?.run || this.run?.roundsCommitted !== 0;
      return isLate || phase === 'aggregating' || phase === 'committing';
    };
    if (!run || isTooLate()) throw new ChorusError('MODEL_NOT_ACCEPTED');
    const checked = await this.models.admit(bytes);
    if (isTooLate()) throw new ChorusError('MODEL_NOT_ACCEPTED');
    const createdAtMs = this.#deps.clock.now();
    const about = { run: run.run, round: 0, createdAtMs, contributions: 0, numExamples: 0, metrics: {} };
    const model = this.models.next(checked, about);
    this.#deps.recorder.commit({ type: 'model.installed', model });
    this.#machine.send({ type: 'model.installed' });
    this.#tellRound({ type: 'round.abort', reason: 'modelInstalled', detail: 'An initial model was installed' });
    this.feed.publish('model.installed', { version: model.version, sha256: model.sha256 });
    return model;
  }

  /** The aggregator's thread is gone, and with it what it had received; what is staged it can be given again. */
  aggregatorLost(reason: string): void {
    this.feed.publish('aggregator.lost', { reason });
    if (this.history.open?.staged === null) this.#giveUp('aggregatorLost', `The aggregator was lost: ${reason}`);
  }

  /** What the open round had accepted cannot be had again. */
  updatesLost(detail: string): void {
    this.#giveUp('updatesLost', detail);
  }

  /** It is back, and serves the last model. A round that had lost nothing goes on where it was. */
  aggregatorBack(): void {
    this.feed.publish('aggregator.restarted', {});
  }

  // ── how it is done ──────────────────────────────────────────────────────────────────────────────────────────────

  /** An attempt that cannot be gone on with is over, so that the next one begins. */
  #beginAgain(): void {
    const { history, recorder, registry, version, clock } = this.#deps;
    recorder.note({ type: 'server.started', version, durability: recorder.durability });
    const { run } = history;
    if (run) registry.setHeartbeatTimeout(run.plan.heartbeatTimeoutMs, steadyMs(clock));
    const detail = cannotResume(history, recorder.durability);
    if (detail !== null) recorder.note({ type: 'round.abandoned', reason: 'restarted', detail });
  }

  /** Tests those that are registered, slice by slice; then it is known who may be selected. */
  #tryFilter(): void {
    this.#deps.clock.clearTimeout(this.#filterTimer);
    if (this.registry.testMore(filterSliceMax)) this.#membershipChanged();
    else this.#filterTimer = this.#deps.clock.setTimeout(() => this.#tryFilter(), 0);
  }

  #provideMachine() {
    const { clock } = this.#deps;
    const work = this.#work;
    const deadlines = { deadline: deadline(clock) };
    const round = roundMachine.provide({
      actors: {
        ...deadlines,
        aggregate: fromPromise(({ input }) => work.close(input)),
        commit: fromPromise(({ input, signal }) => work.commit(input, signal)),
      },
      actions: {
        askSelector: (_, { count }) => work.askSelector(count),
        dismissStragglers: ({ context }) => work.dismissStragglers(context),
      },
    });
    return coordinatorMachine.provide({
      actors: {
        ...deadlines,
        round,
        judge: fromPromise(({ input, signal }) => judgeModel(this.#deps.judge, this.models, input, signal)),
        openRound: fromPromise(({ input: { run, resumed }, signal }) => work.open(run, resumed, signal)),
      },
      actions: {
        recordJudgement: (_, judgement) => unlessRefused(() => work.evaluations.recordJudgement(judgement)),
        noteNow: assign(({ context }) => ({ tally: { ...context.tally, atMs: clock.now() } })),
        settleRound: (_, outcome) => {
          if (outcome) unlessRefused(() => work.settle(outcome));
        },
        applyPlan: (_, { plan }) => this.registry.setHeartbeatTimeout(plan.heartbeatTimeoutMs, steadyMs(clock)),
      },
    });
  }

  #roundSnapshot() {
    return this.#machine.getSnapshot().children.round?.getSnapshot() ?? null;
  }

  #machines(): Machines {
    return { coordinator: this.#machine.getSnapshot(), round: this.#roundSnapshot() };
  }

  /** Tells the round's machine; when none is open, nobody needs to know. */
  #tellRound(fact: RoundEvent): void {
    this.#machine.getSnapshot().children.round?.send(fact);
  }

  #giveUp(reason: 'aggregatorLost' | 'updatesLost', detail: string): void {
    this.#tellRound({ type: 'round.abort', reason, detail });
  }

  /** Tells both machines, so that the question "may this round close?" is asked again. */
  #membershipChanged(): void {
    const tally = this.tally();
    this.#machine.send({ type: 'membership.changed', tally });
    this.#countsChanged(tally);
  }

  /** Clients changed their states, and are as many as before: only the open round wants to know. */
  #countsChanged(tally: Tally = this.tally()): void {
    if (this.history.open) this.#tellRound({ type: 'membership.changed', tally });
    this.#membershipTimer ??= this.#deps.clock.setTimeout(() => {
      this.#membershipTimer = null;
      this.feed.publish('membership', { population: this.registry.population, counts: this.registry.counts() });
    }, membershipNewsMs);
  }

  /** Clients are gone. @returns whether any of them was still there to be lost. */
  #lose(slots: readonly number[], reason: keyof typeof lossOf): boolean {
    const { recorder } = this.#deps;
    const event = lossOf[reason];
    let isAnyLost = false;
    recorder.together(() => {
      for (const slot of slots) {
        if (!this.registry.takes(slot, event)) continue;
        this.#takeOut(slot, event, (clientId) => recorder.note({ type: 'client.lost', clientId, reason }));
        isAnyLost = true;
      }
    });
    return isAnyLost;
  }

  /** A client drops out of whatever it was in. @param record that it does. @throws what `record` throws */
  #takeOut(slot: number, event: keyof typeof exclusionOf, record: (clientId: string) => void): void {
    const { recorder, aggregator } = this.#deps;
    const clientId = this.registry.idOf(slot);
    const before = this.registry.stateOf(slot);
    record(clientId);
    if (before === 'selected' || before === 'training') {
      this.feed.publish('client.excluded', { clientId, round: this.roundNumber, reason: exclusionOf[event] });
    }
    if (before === 'training') recorder.onceWritten(() => void aggregator.revoke(clientId));
    this.#wake(slot);
  }

  #wake(slot: number): void {
    this.polls.wake(slot, () => (this.registry.stateOf(slot) === 'unknown' ? null : this.standing(slot)));
  }

  /** After every transition: record where the machines stand, tell subscribers and held calls. */
  #noteChange(): void {
    const { run } = this;
    this.#view = {
      run: run?.run ?? null,
      plan: run?.plan ?? null,
      round: run ? roundOf(run) : 0,
      isOver: this.isOver,
      isBuffered: run !== null && isBuffered(run.plan),
    };
    const child = this.#machine.getSnapshot().children.round;
    if (child && child !== this.#watchedRound) {
      this.#watchedRound = child;
      child.subscribe({ next: () => this.#noteChange(), error: this.#deps.onCrash });
    }
    this.#notePosition();
    const { phase, runState } = this;
    const { attempt = 0, evaluates = null } = run ? attemptOf(run) : {};
    const news = `${runState} ${phase} ${this.roundNumber} ${attempt} ${run?.run}`;
    if (news === this.#lastNews) return;
    this.#lastNews = news;
    if (this.isOver) this.#endedAtMs ??= this.#deps.clock.now();
    this.feed.publish('phase', {
      run: run?.run ?? null,
      runState,
      phase,
      round: this.roundNumber,
      attempt,
      kind: run ? kindOf({ evaluates }) : null,
      deadlineAtMs: this.phaseSince.deadlineAtMs,
    });
    this.polls.wakeAll((slot) => (this.registry.stateOf(slot) === 'unknown' ? null : this.standing(slot)));
  }

  #notePosition(): void {
    const position = positionOf(this.#machines(), this.history.open !== null);
    if (!position || (this.run === this.#lastRun && isSamePlace(position, this.#lastPosition))) return;
    this.#lastRun = this.run;
    this.#lastPosition = position;
    const { carried } = this.history;
    const wasCarried = carried.size > 0;
    unlessRefused(() => this.#deps.recorder.note({ type: 'position', position }));
    if (wasCarried && carried.size === 0) {
      // No round comes in which they could report.
      this.#deps.recorder.onceWritten(() => void this.#deps.aggregator.abandonRound());
      this.#membershipChanged();
    }
    if (position.state !== 'round') this.#deps.recorder.checkpointWhenDue();
  }

  #armSweep(): void {
    const { clock } = this.#deps;
    this.#sweepTimer = clock.setTimeout(() => {
      const lost: number[] = [];
      this.registry.expire(steadyMs(clock), (slot) => lost.push(slot));
      this.totals.expired += lost.length;
      if (this.#lose(lost, 'heartbeatTimeout')) this.#membershipChanged();
      this.#armSweep();
    }, this.registry.expiryTickMs);
  }
}

/** What the machine has decided has happened: it goes on though a fact is refused, of which the recorder has told. */
function unlessRefused(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof ChorusError) || error.code !== 'INTERNAL') throw error;
  }
}
