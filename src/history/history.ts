import type { Checkpoint, Durability, Entry, Fact, Position, TrainingStart } from '../domain/facts.ts';
import type { Metrics } from '../domain/metrics.ts';
import type { ModelEvaluation, ModelView } from '../domain/model.ts';
import { isBuffered } from '../domain/plan.ts';
import { completePlan } from '../domain/read-plan.ts';
import type { RoundOutcome } from '../domain/round.ts';
import type { ExclusionReason, RoundRecord } from '../domain/round-record.ts';
import { afterRound, evaluateAnew, evaluatedBy, type Run, startRun } from '../domain/run.ts';
import { AuditChain } from './audit-chain.ts';
import { CarriedClients } from './carried-clients.ts';
import { type ClientStates, mustApply } from './client-states.ts';
import { evaluationByClients, evaluationWithoutRound } from './evaluations.ts';
import { HistoryBroken } from './history-broken.ts';
import { ModelList } from './model-list.ts';
import { PastRounds } from './past-rounds.ts';
import { lossOf, problemOf } from './possible.ts';
import { conclude, RoundLedger, weightedMetrics } from './round-ledger.ts';

/** In these nobody trains. */
const resting: readonly Position['state'][] = ['paused', 'finished', 'stopped'];

const nowhere: Position = { state: 'idle', sinceMs: 0, deadlineAtMs: null, run: null, round: null };

/** Of records from before there were evaluations. */
const firstKind = { kind: 'training' } as const;

/**
 * All that is known of runs, rounds and models, as a function of the facts: nothing else changes it. A server applies
 * each fact as it happens; after a crash the same code, given the same facts, comes to the same state; and given only
 * the first of them, to the state of that moment.
 */
export class History {
  readonly #clients: ClientStates;
  seq = 0;
  /** When the last fact happened, Unix ms. */
  atMs = 0;
  run: Run | null = null;
  /** Where the machines stood last. */
  position: Position = nowhere;
  /** The open attempt, if there is one. */
  open: RoundLedger | null = null;
  readonly #carried: CarriedClients;
  readonly #models = new ModelList();
  readonly #past = new PastRounds();
  /** The last checkpoint; 0: none. */
  checkpointSeq = 0;
  /** How often a server was started on this history. */
  starts = 0;
  /** What operators did. */
  readonly audit = new AuditChain();
  #durability: Durability = 'update';

  constructor(clients: ClientStates) {
    this.#clients = clients;
    this.#carried = new CarriedClients(clients);
  }

  /** Clients that go on training and wait for the next attempt to open, with where they began; null: not yet. */
  get carried(): ReadonlyMap<string, TrainingStart | null> {
    return this.#carried.starts;
  }

  /** Attempts that are over, oldest first; at most 1,000, fewer when they are large. */
  get rounds(): RoundRecord[] {
    return this.#past.all;
  }

  /** Every version, oldest first. */
  get models(): ModelView[] {
    return this.#models.all;
  }

  /** The version that clients of the run start from; null: its first contributions define it. */
  get current(): ModelView | null {
    return this.#models.current;
  }

  /** @returns in a sentence why the fact cannot have happened now; null when it can, and then it can be applied. */
  problemOf(fact: Fact): string | null {
    const { run, open, models } = this;
    return problemOf(fact, { run, open, models, clients: this.#clients });
  }

  /** @throws {HistoryBroken} it cannot have happened, and nothing has changed. */
  apply({ seq, atMs, fact }: Entry): void {
    const problem = this.problemOf(fact);
    if (problem !== null) throw new HistoryBroken(problem);
    // Whoever has read all that came before it has no need of it.
    if (fact.type === 'checkpoint' && this.seq === 0) this.#restore(fact.state);
    this.seq = seq;
    this.atMs = atMs;
    this.#apply(fact, atMs);
  }

  /** All of it, for a later process that begins here. @param clients all, if not told otherwise */
  checkpoint(clients = [...this.#clients.list()]): Checkpoint {
    return {
      clients,
      run: this.run,
      position: this.position,
      open: this.open?.toCheckpoint() ?? null,
      carried: [...this.carried],
      rounds: this.rounds,
      models: this.models,
      current: this.#models.currentVersion,
      starts: this.starts,
      durability: this.#durability,
      audit: this.audit.entries,
    };
  }

  #restore(state: Checkpoint): void {
    const { clients, run, position, open, carried, rounds, models, current, starts, durability, audit } = state;
    for (const client of clients) this.#clients.restore(...client);
    // What an earlier version kept lacks what there was not then.
    this.run = run && { ...startRun(run.run, run.plan, run.startedAtMs), ...run, plan: completePlan(run.plan) };
    this.position = position;
    this.open = open && RoundLedger.restore({ ...open, record: { ...firstKind, ...open.record } });
    for (const [clientId, start] of carried) this.#carried.add(clientId, start);
    for (const record of rounds) this.#past.keep({ ...firstKind, ...record });
    this.#models.restore(models, current);
    this.starts = starts;
    this.#durability = durability;
    for (const entry of audit ?? []) this.audit.add(entry);
  }

  #apply(fact: Fact, atMs: number): void {
    switch (fact.type) {
      case 'server.started':
        this.#serverStarted(fact.durability);
        break;
      case 'client.registered': {
        const { clientId, name, attributes, evaluates } = fact;
        const profile = { ...(name && { name }), ...(attributes && { attributes }), ...(evaluates && { evaluates }) };
        this.#clients.add(clientId, profile);
        break;
      }
      case 'client.returned':
        // With durability `round` a client that was lost after it contributed is forgotten here, but not by the server.
        if (this.#clients.stateOf(fact.clientId) === 'unknown') this.#clients.add(fact.clientId, {});
        else this.#takeOut(fact.clientId, 'rendezvous', 'reregistered', atMs);
        this.#clients.setEvaluates(fact.clientId, fact.evaluates === true);
        break;
      case 'client.lost':
        this.#takeOut(fact.clientId, lossOf[fact.reason], fact.reason, atMs);
        break;
      case 'client.evicted':
        this.#takeOut(fact.clientId, 'evict', 'evicted', atMs);
        break;
      case 'client.readmitted':
        this.#readmit(fact.clientId);
        break;
      case 'run.started':
        this.#startRun(startRun(fact.run, completePlan(fact.plan), atMs), atMs);
        break;
      case 'model.installed':
        this.#models.add(fact.model);
        break;
      case 'position':
        this.#move(fact.position);
        break;
      case 'round.opened':
        this.open = RoundLedger.open(this.#mustRun(), fact, atMs);
        this.#carried.enter(this.open, this.#mustRun().plan.stalenessMax, atMs);
        break;
      case 'clients.selected':
        for (const clientId of fact.clientIds) mustApply(this.#clients, clientId, 'select');
        this.#mustOpen().select(fact.clientIds, atMs);
        break;
      case 'training.started':
        mustApply(this.#clients, fact.clientId, 'startTraining');
        this.#mustOpen().start(fact.clientId, atMs);
        break;
      case 'update.accepted':
        mustApply(this.#clients, fact.receipt.clientId, 'trainingEnded');
        this.#accept(fact, atMs);
        this.open?.transferred(fact.receipt.clientId, fact.marks);
        break;
      case 'result.accepted':
        mustApply(this.#clients, fact.receipt.clientId, 'trainingEnded');
        this.#mustOpen().accept({ ...fact.receipt, metrics: fact.metrics, acceptedAtMs: atMs }, null);
        break;
      case 'training.failed':
        mustApply(this.#clients, fact.clientId, 'trainingFailed');
        this.#mustOpen().exclude(fact.clientId, 'uploadsRefused', atMs, fact.code);
        this.open?.transferred(fact.clientId, fact.marks);
        break;
      case 'quorum.lowered':
        this.#mustOpen().lowerQuorum(fact.decision);
        break;
      case 'clients.dismissed':
        this.#dismiss(fact.reason, atMs);
        break;
      case 'round.committed':
        this.#models.add(fact.model);
        this.#endRound(
          { kind: 'committed', modelVersion: fact.model.version, metrics: fact.model.metrics },
          fact.record,
          atMs,
        );
        this.#past.addToLast({ ...(fact.members && { members: [...fact.members] }), ...fact.traffic });
        this.#past.addTransfersToLast(fact.transfers ?? []);
        break;
      case 'round.evaluated': {
        const record = fact.record ?? this.#mustOpen().record;
        const metrics = weightedMetrics(record.contributions);
        this.#endRound({ kind: 'evaluated', modelVersion: fact.version, metrics }, fact.record, atMs);
        break;
      }
      case 'model.judged':
        this.#judged(fact.version, fact.metrics, evaluationWithoutRound('server', { metrics: fact.metrics }, atMs));
        break;
      case 'evaluation.missed':
        this.#judged(fact.version, null, evaluationWithoutRound(fact.by, { failure: fact.reason }, atMs));
        break;
      case 'round.abandoned':
        this.#endRound({ kind: 'abandoned', reason: fact.reason, detail: fact.detail }, null, atMs);
        break;
      case 'operation':
        this.audit.add(fact.entry);
        break;
      case 'checkpoint':
        this.checkpointSeq = this.seq;
        break;
    }
  }

  #serverStarted(durability: Durability): void {
    // Nothing is known of the attempt that a crash cut short, but that it must not be taken for the next one.
    if (this.#durability === 'round' && this.run && this.position.state === 'opening') {
      this.run = this.run.evaluation ? evaluateAnew(this.run) : { ...this.run, attempt: this.run.attempt + 1 };
    }
    this.#durability = durability;
    this.starts += 1;
  }

  #accept({ receipt, metrics, staged, staleness }: Fact & { type: 'update.accepted' }, atMs: number): void {
    const age = staleness === undefined ? {} : { staleness };
    this.#mustOpen().accept({ ...receipt, ...age, metrics, acceptedAtMs: atMs }, staged);
  }

  #startRun(run: Run, atMs: number): void {
    this.#carried.letGo();
    this.run = run;
    this.#models.begin(run.plan.initialModel === 'latest');
    const state = run.plan.initialModel === 'upload' ? 'awaitingModel' : 'opening';
    this.position = { state, sinceMs: atMs, deadlineAtMs: null, run: null, round: null };
  }

  #move(position: Position): void {
    this.position = position;
    if (resting.includes(position.state)) this.#carried.letGo();
    if (this.run && position.run) this.run = { ...this.run, ...position.run };
    if (position.round && this.open) this.open.enterPhase(this.#mustRun().plan, position.round);
  }

  #takeOut(
    clientId: string,
    event: 'rendezvous' | 'leave' | 'heartbeatTimedOut' | 'evict',
    reason: ExclusionReason,
    atMs: number,
  ): void {
    const before = this.#clients.stateOf(clientId);
    mustApply(this.#clients, clientId, event);
    if (before === 'selected' || before === 'training') this.open?.exclude(clientId, reason, atMs);
  }

  #readmit(clientId: string): void {
    mustApply(this.#clients, clientId, 'readmit');
    this.#mustOpen().readmitted.add(clientId);
  }

  #dismiss(reason: ExclusionReason, atMs: number): void {
    const ledger = this.#mustOpen();
    for (const clientId of ledger.record.cohort) {
      if (this.#clients.apply(clientId, 'trainingDeadlinePassed')) ledger.exclude(clientId, reason, atMs);
    }
  }

  /** Whatever way an attempt was left: it is recorded, and its clients are given back to the population. */
  #endRound(outcome: RoundOutcome, record: RoundRecord | null, atMs: number): void {
    const ledger = this.open;
    this.open = null;
    if (ledger) {
      const goOn = outcome.kind === 'committed' && isBuffered(this.#mustRun().plan);
      for (const clientId of ledger.record.cohort) {
        const state = this.#clients.stateOf(clientId);
        const isOpen = state === 'selected' || state === 'training';
        if (isOpen && goOn) {
          this.#carried.add(clientId, ledger.starts.get(clientId) ?? null);
          continue;
        }
        if (isOpen && outcome.kind === 'abandoned') ledger.exclude(clientId, 'roundAbandoned', atMs);
        this.#clients.apply(clientId, 'roundEnded');
      }
    }
    const ended = record ? { ...firstKind, ...record } : ledger?.record;
    if (!ended) throw new HistoryBroken('No round is open');
    conclude(ended, outcome, atMs);
    this.#past.keep(ended);
    if (ended.kind === 'evaluation') this.#evaluated(ended, outcome, atMs);
    this.#goOn(afterRound(this.#mustRun(), outcome));
    this.position = { state: 'opening', sinceMs: atMs, deadlineAtMs: null, run: null, round: null };
  }

  #evaluated(record: RoundRecord, outcome: RoundOutcome, atMs: number): void {
    const version = this.#mustRun().evaluation?.version;
    const evaluation = evaluationByClients(record, outcome, atMs);
    if (version !== undefined && evaluation) this.#models.evaluated(version, evaluation);
  }

  /** An evaluation is over that had no round. @param metrics null: it failed. */
  #judged(version: number, metrics: Metrics | null, evaluation: ModelEvaluation): void {
    this.#models.evaluated(version, evaluation);
    this.#goOn(evaluatedBy(this.#mustRun(), metrics));
    this.position = { state: 'opening', sinceMs: evaluation.atMs, deadlineAtMs: null, run: null, round: null };
  }

  #goOn(run: Run): void {
    this.#models.markBest(this.run?.progress, run.progress);
    this.run = run;
  }

  #mustOpen(): RoundLedger {
    if (!this.open) throw new HistoryBroken('No round is open');
    return this.open;
  }

  #mustRun(): Run {
    if (!this.run) throw new HistoryBroken('There is no run');
    return this.run;
  }
}
