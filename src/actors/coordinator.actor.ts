import type { InspectionEvent, Observer } from 'xstate';
import type { ClientProfile } from '../domain/client.ts';
import { type Clock, steadyMs } from '../domain/clock.ts';
import { ChorusError } from '../domain/errors.ts';
import type { ModelInfo } from '../domain/model.ts';
import type { RandomStream } from '../domain/random.ts';
import type { OwnStrategies } from '../domain/strategy-choice.ts';
import type { History } from '../history/history.ts';
import { cannotResume, resumeOf } from '../history/resume.ts';
import { readBackMsMax } from '../machines/aggregator.machine.ts';
import type { CoordinatorInput } from '../machines/coordinator.setup.ts';
import type { ModelStore } from '../storage/model-store.ts';
import type { AggregatorActor } from './aggregator.actor.ts';
import type { ClientTokens } from './client-tokens.ts';
import { CohortChooser } from './cohort-chooser.ts';
import { CoordinatorMachines, type MachineEffects } from './coordinator-machines.ts';
import { EvaluationWork } from './evaluation-work.ts';
import { BoundedEventFeed } from './event-feed.ts';
import { bytesOf } from './given-round.ts';
import { type Judge, judgeModel } from './judge.ts';
import { LongPolls } from './long-polls.ts';
import { MachineNews } from './machine-news.ts';
import { Membership } from './membership.ts';
import { ModelKeeper } from './model-keeper.ts';
import { OperationWork } from './operation-work.ts';
import { type Recorder, unlessRefused } from './recorder.ts';
import type { ClientRegistry } from './registry.ts';
import { stagedContributions } from './round-order.ts';
import { openingAttemptsMax, RoundWork } from './round-work.ts';
import { SelectionWork } from './selection-work.ts';
import type { SelectionPolicy } from './selector.actor.ts';
import { Standings } from './standings.ts';
import { tallyOf } from './tally.ts';
import { newTotals } from './totals.ts';
import { TrainingWork } from './training-work.ts';

/** Events that one process can number before the numbers of the next begin. */
const eventsPerProcessMax = 2 ** 32;

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

/**
 * The coordinator: the only writer of the client registry. Handles one message at a time, records what happened, tells
 * the round machine with a fresh tally, and carries out what the machine decides. It knows no HTTP; the outside sees it
 * as a `CoordinatorHandle`. Each part of it does one thing; here they are made to know each other.
 */
export class Coordinator {
  readonly registry: ClientRegistry;
  readonly history: History;
  readonly feed: BoundedEventFeed;
  readonly polls: LongPolls;
  readonly models: ModelKeeper;
  readonly chooser: CohortChooser;
  readonly machines: CoordinatorMachines;
  readonly standings: Standings;
  readonly membership: Membership;
  readonly training: TrainingWork;
  readonly evaluations: EvaluationWork;
  readonly operations: OperationWork;
  readonly totals = newTotals();
  /** By the steady clock. */
  readonly startedAtMs: number;

  readonly #deps: CoordinatorDeps;
  readonly #selections: SelectionWork;
  readonly #work: RoundWork;
  readonly #news: MachineNews;

  constructor(deps: CoordinatorDeps) {
    const { clock, registry, history, recorder, aggregator, tokens, random, policy, strategies, onCrash } = deps;
    this.#deps = deps;
    this.startedAtMs = steadyMs(clock);
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
    this.chooser = new CohortChooser({ registry, history, random, policy, onCrash });
    if (history.run) this.chooser.begin(history.run.plan);
    // Nobody is waiting for an answer yet.
    registry.testMore(Number.POSITIVE_INFINITY);

    const { feed, polls, models, chooser, totals } = this;
    const tally = () => tallyOf(registry, history, clock);
    const input = this.#whereItBegins();
    const machines = new CoordinatorMachines({
      ...{ clock, input, onCrash },
      effects: this.#effects(),
      onChange: () => this.#news.changed(),
      ...(deps.inspect ? { inspect: deps.inspect } : {}),
    });
    const known = { clock, registry, history, recorder, feed, models, aggregator, chooser, totals, machines, tally };
    const standings = new Standings({ registry, history, polls, view: () => machines.view });
    const membership = new Membership({ ...known, standings });
    const parts = { ...known, standings, membership, tokens, strategies, onCrash };
    this.#selections = new SelectionWork(parts);
    this.evaluations = new EvaluationWork(parts);
    this.training = new TrainingWork(parts);
    this.#work = new RoundWork({ ...parts, selections: this.#selections, evaluations: this.evaluations });
    this.operations = new OperationWork({ ...parts, uuid: deps.uuid });
    const isEnded = input.beginsIn === 'finished' || input.beginsIn === 'stopped';
    this.#news = new MachineNews({ ...parts, endedAtMs: isEnded ? input.tally.atMs : null });
    this.machines = machines;
    this.standings = standings;
    this.membership = membership;
  }

  start(): void {
    this.machines.start();
    if (this.machines.run) this.membership.changed();
  }

  /** Ends every held call; nothing is decided any more. An open round is left for the next process to go on with. */
  stop(): void {
    this.machines.stop();
    this.membership.stop();
    this.#selections.stop();
    this.polls.release();
  }

  /** null: there is no run, or it goes on. */
  get runEndedAtMs(): number | null {
    return this.#news.runEndedAtMs;
  }

  /** A client that restarted: it keeps its id, and is out of the open round. @throws STORAGE_UNAVAILABLE */
  registerAgain(slot: number, profile: ClientProfile): void {
    this.training.giveUpRefused(slot);
    this.membership.registerAgain(slot, profile);
  }

  /** The initial model of the current run, checked and stored; an attempt that began without it is begun anew. */
  async installModel(bytes: Uint8Array): Promise<ModelInfo> {
    const { machines, models } = this;
    const { run } = machines;
    const isTooLate = () => {
      const { phase } = machines;
      const isLate = machines.isOver || machines.run?.run !== run?.run || machines.run?.roundsCommitted !== 0;
      return isLate || phase === 'aggregating' || phase === 'committing';
    };
    if (!run || isTooLate()) throw new ChorusError('MODEL_NOT_ACCEPTED');
    const checked = await models.admit(bytes);
    if (machines.isStopped) throw new ChorusError('SHUTTING_DOWN');
    if (isTooLate()) throw new ChorusError('MODEL_NOT_ACCEPTED');
    const createdAtMs = this.#deps.clock.now();
    const about = { run: run.run, round: 0, createdAtMs, contributions: 0, numExamples: 0, metrics: {} };
    const model = models.next(checked, about);
    this.#deps.recorder.commit({ type: 'model.installed', model });
    machines.tell({ type: 'model.installed' });
    machines.tellRound({ type: 'round.abort', reason: 'modelInstalled', detail: 'An initial model was installed' });
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

  tally() {
    return tallyOf(this.registry, this.history, this.#deps.clock);
  }

  #giveUp(reason: 'aggregatorLost' | 'updatesLost', detail: string): void {
    this.machines.tellRound({ type: 'round.abort', reason, detail });
  }

  /** An attempt that cannot be gone on with is over, so that the next one begins. */
  #beginAgain(): void {
    const { history, recorder, registry, version, clock } = this.#deps;
    recorder.note({ type: 'server.started', version, durability: recorder.durability });
    const { run } = history;
    if (run) registry.setHeartbeatTimeout(run.plan.heartbeatTimeoutMs, steadyMs(clock));
    const detail = cannotResume(history, recorder.durability);
    if (detail !== null) recorder.note({ type: 'round.abandoned', reason: 'restarted', detail });
  }

  #whereItBegins(): CoordinatorInput {
    const tally = this.tally();
    const { state, run, sinceMs, round } = resumeOf(this.history, tally);
    // What waits for people waits since it began to; what works begins to work now.
    const isAtWork = state === 'opening' || state === 'round';
    return {
      tally: { ...tally, atMs: isAtWork || !run ? tally.atMs : sinceMs },
      beginsIn: state,
      run,
      resumed: round,
      // As often as it is tried.
      readBackMsMax: openingAttemptsMax * readBackMsMax(bytesOf(stagedContributions(this.history) ?? [])),
    };
  }

  /** What the machines decide, and the parts do. They are made after the machines, and asked when those have started. */
  #effects(): MachineEffects {
    const { judge, registry, clock } = this.#deps;
    return {
      open: (run, resumed, signal) => this.#work.open(run, resumed, signal),
      askSelector: (count) => this.#selections.ask(count),
      dismissStragglers: (round) => this.#work.dismissStragglers(round),
      close: (round, signal) => this.#work.close(round, signal),
      commit: (round, signal) => this.#work.commit(round, signal),
      settle: (outcome) => unlessRefused(() => this.#work.settle(outcome)),
      judge: (run, signal) => judgeModel(judge, this.models, run, signal),
      recordJudgement: (judgement) => unlessRefused(() => this.evaluations.recordJudgement(judgement)),
      applyPlan: ({ heartbeatTimeoutMs }) => registry.setHeartbeatTimeout(heartbeatTimeoutMs, steadyMs(clock)),
    };
  }
}
