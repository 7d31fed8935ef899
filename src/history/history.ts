import type { ClientProfile, ClientState } from '../domain/client.ts';
import type { Checkpoint, Durability, Entry, Fact, Position, TrainingStart } from '../domain/facts.ts';
import type { ExclusionReason, RoundRecord } from '../domain/handle.ts';
import type { ModelInfo } from '../domain/model.ts';
import { completePlan, isBuffered } from '../domain/plan.ts';
import type { RoundOutcome } from '../domain/round.ts';
import { afterRound, type Run, startRun } from '../domain/run.ts';
import type { ClientEventType } from '../machines/client.machine.ts';
import { conclude, RoundLedger } from './round-ledger.ts';

/** Attempts at rounds kept for `GET /v1/rounds`; the oldest go first. */
const roundsKeptMax = 1_000;
/** Clients named in them, as members and as contributors, all in all; the last attempt is always kept. */
const namesKeptMax = 200_000;

/** Where the states of clients are kept: the registry in a server, a map in a tool that only looks. */
export interface ClientStates {
  /** `unknown` when there is no such client. */
  stateOf(clientId: string): ClientState;
  /** All that are there, in no order. */
  list(): Iterable<[clientId: string, state: Exclude<ClientState, 'unknown'>, profile: ClientProfile]>;
  /** Puts a client back in the state that it had. */
  restore(clientId: string, state: Exclude<ClientState, 'unknown'>, profile: ClientProfile): void;
  /** Makes sure that a new client is there, in state `waiting`. */
  add(clientId: string, profile: ClientProfile): void;
  /** Lets something happen to a client, as the client machine says. @returns false when it refuses; then nothing has changed. */
  apply(clientId: string, event: ClientEventType): boolean;
}

const lossOf = { left: 'leave', heartbeatTimeout: 'heartbeatTimedOut' } as const;

/** In these nobody trains. */
const resting: readonly Position['state'][] = ['paused', 'finished', 'stopped'];

const namesIn = ({ cohort, contributions }: RoundRecord): number => cohort.length + contributions.length;

const nowhere: Position = { state: 'idle', sinceMs: 0, deadlineAtMs: null, run: null, round: null };

/** A fact that cannot have happened in the state it is said to have happened in. */
export class HistoryBroken extends Error {
  override name = 'HistoryBroken';
}

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
  /** Clients that go on training and wait for the next attempt to open, with where they began; null: not yet. */
  readonly carried = new Map<string, TrainingStart | null>();
  /** Attempts that are over, oldest first; at most 1,000, fewer when they are large. */
  readonly rounds: RoundRecord[] = [];
  /** Every version, oldest first. */
  readonly models: ModelInfo[] = [];
  /** The version that clients of the run start from; null: its first contributions define it. */
  current: ModelInfo | null = null;
  /** The last checkpoint; 0: none. */
  checkpointSeq = 0;
  /** How often a server was started on this history. */
  starts = 0;
  #durability: Durability = 'update';
  #namesKept = 0;

  constructor(clients: ClientStates) {
    this.#clients = clients;
  }

  /** @throws {HistoryBroken} then the state is not to be used any more. */
  apply({ seq, atMs, fact }: Entry): void {
    // Whoever has read all that came before it has no need of it.
    if (fact.type === 'checkpoint' && this.seq === 0) this.#restore(fact.state);
    this.seq = seq;
    this.atMs = atMs;
    this.#apply(fact, atMs);
  }

  /** All of it, for a later process that begins here. */
  checkpoint(): Checkpoint {
    return {
      clients: [...this.#clients.list()],
      run: this.run,
      position: this.position,
      open: this.open?.toCheckpoint() ?? null,
      carried: [...this.carried],
      rounds: this.rounds,
      models: this.models,
      current: this.current?.version ?? null,
      starts: this.starts,
      durability: this.#durability,
    };
  }

  #restore({ clients, run, position, open, carried, rounds, models, current, starts, durability }: Checkpoint): void {
    for (const [clientId, state, profile] of clients) this.#clients.restore(clientId, state, profile);
    this.run = run && { ...run, plan: completePlan(run.plan) };
    this.position = position;
    this.open = open && RoundLedger.restore(open);
    for (const [clientId, start] of carried) this.carried.set(clientId, start);
    for (const record of rounds) this.#keepRecord(record);
    this.models.push(...models);
    this.current = current === null ? null : (models[current - 1] ?? null);
    this.starts = starts;
    this.#durability = durability;
  }

  #apply(fact: Fact, atMs: number): void {
    switch (fact.type) {
      case 'server.started':
        this.#serverStarted(fact.durability);
        break;
      case 'client.registered': {
        const { clientId, name, attributes } = fact;
        this.#clients.add(clientId, { ...(name && { name }), ...(attributes && { attributes }) });
        break;
      }
      case 'client.returned':
        // With durability `round` a client that was lost after it contributed is forgotten here, but not by the server.
        if (this.#clients.stateOf(fact.clientId) === 'unknown') this.#clients.add(fact.clientId, {});
        else this.#takeOut(fact.clientId, 'rendezvous', 'reregistered', atMs);
        break;
      case 'client.lost':
        this.#takeOut(fact.clientId, lossOf[fact.reason], fact.reason, atMs);
        break;
      case 'client.evicted':
        this.#takeOut(fact.clientId, 'evict', 'evicted', atMs);
        break;
      case 'run.started':
        this.#startRun(startRun(fact.run, completePlan(fact.plan), atMs), atMs);
        break;
      case 'model.installed':
        this.#addModel(fact.model);
        break;
      case 'position':
        this.#move(fact.position);
        break;
      case 'round.opened':
        if (this.open) throw new HistoryBroken(`Round ${fact.round} opens while another is open`);
        this.open = RoundLedger.open(this.#mustRun(), fact, atMs);
        this.#takeOver(this.open, atMs);
        break;
      case 'clients.selected':
        for (const clientId of fact.clientIds) this.#must(clientId, 'select');
        this.#mustOpen().select(fact.clientIds);
        break;
      case 'training.started':
        this.#must(fact.clientId, 'startTraining');
        this.#mustOpen().start(fact.clientId);
        break;
      case 'update.accepted':
        this.#must(fact.receipt.clientId, 'trainingEnded');
        this.#accept(fact, atMs);
        break;
      case 'training.failed':
        this.#must(fact.clientId, 'trainingFailed');
        this.#mustOpen().exclude(fact.clientId, 'uploadsRefused', atMs, fact.code);
        break;
      case 'clients.dismissed':
        this.#dismiss(fact.reason, atMs);
        break;
      case 'round.committed':
        this.#addModel(fact.model);
        this.#endRound({ kind: 'committed', modelVersion: fact.model.version }, fact.record, atMs);
        break;
      case 'round.abandoned':
        this.#endRound({ kind: 'abandoned', reason: fact.reason, detail: fact.detail }, null, atMs);
        break;
      case 'checkpoint':
        this.checkpointSeq = this.seq;
        break;
    }
  }

  #serverStarted(durability: Durability): void {
    // Nothing is known of the attempt that a crash cut short, but that it must not be taken for the next one.
    if (this.#durability === 'round' && this.run && this.position.state === 'opening') {
      this.run = { ...this.run, attempt: this.run.attempt + 1 };
    }
    this.#durability = durability;
    this.starts += 1;
  }

  #accept({ receipt, metrics, staged, staleness }: Fact & { type: 'update.accepted' }, atMs: number): void {
    const age = staleness === undefined ? {} : { staleness };
    this.#mustOpen().accept({ ...receipt, ...age, metrics, acceptedAtMs: atMs }, staged);
  }

  #startRun(run: Run, atMs: number): void {
    this.#letGo();
    this.run = run;
    this.current = run.plan.initialModel === 'latest' ? (this.models.at(-1) ?? null) : null;
    const state = run.plan.initialModel === 'upload' ? 'awaitingModel' : 'opening';
    this.position = { state, sinceMs: atMs, deadlineAtMs: null, run: null, round: null };
  }

  #move(position: Position): void {
    this.position = position;
    if (resting.includes(position.state)) this.#letGo();
    if (this.run && position.run) this.run = { ...this.run, ...position.run };
    if (!position.round || !this.open) return;
    const { phase, sinceMs, deadlineAtMs, target } = position.round;
    this.open.enterPhase(phase, sinceMs, deadlineAtMs, target);
  }

  #takeOut(
    clientId: string,
    event: 'rendezvous' | 'leave' | 'heartbeatTimedOut' | 'evict',
    reason: ExclusionReason,
    atMs: number,
  ): void {
    const before = this.#clients.stateOf(clientId);
    this.#must(clientId, event);
    if (before === 'selected' || before === 'training') this.open?.exclude(clientId, reason, atMs);
  }

  #dismiss(reason: ExclusionReason, atMs: number): void {
    const ledger = this.#mustOpen();
    for (const clientId of ledger.record.cohort) {
      if (this.#clients.apply(clientId, 'trainingDeadlinePassed')) ledger.exclude(clientId, reason, atMs);
    }
  }

  /** Those who went on training are the first of a new attempt's cohort, but for those whose model is too old. */
  #takeOver(ledger: RoundLedger, atMs: number): void {
    const { round } = ledger.record;
    const { stalenessMax } = this.#mustRun().plan;
    for (const [clientId, start] of this.carried) {
      const state = this.#clients.stateOf(clientId);
      if (state !== 'selected' && state !== 'training') continue;
      ledger.select([clientId]);
      if (start && round - start.round > stalenessMax) {
        this.#must(clientId, 'trainingDeadlinePassed');
        ledger.exclude(clientId, 'stale', atMs);
      } else if (start) ledger.starts.set(clientId, start);
    }
    this.carried.clear();
  }

  /** No attempt comes: those who went on training are given back to the population. */
  #letGo(): void {
    for (const clientId of this.carried.keys()) this.#clients.apply(clientId, 'roundEnded');
    this.carried.clear();
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
          this.carried.set(clientId, ledger.starts.get(clientId) ?? null);
          continue;
        }
        if (isOpen && outcome.kind === 'abandoned') ledger.exclude(clientId, 'roundAbandoned', atMs);
        this.#clients.apply(clientId, 'roundEnded');
      }
    }
    const ended = record ?? ledger?.record;
    if (!ended) throw new HistoryBroken(`A round was ${outcome.kind}, and none was open`);
    conclude(ended, outcome, atMs);
    this.#keepRecord(ended);
    this.run = afterRound(this.#mustRun(), outcome);
    this.position = { state: 'opening', sinceMs: atMs, deadlineAtMs: null, run: null, round: null };
  }

  #keepRecord(record: RoundRecord): void {
    this.rounds.push(record);
    this.#namesKept += namesIn(record);
    while (this.rounds.length > roundsKeptMax || (this.#namesKept > namesKeptMax && this.rounds.length > 1)) {
      const dropped = this.rounds.shift();
      if (dropped) this.#namesKept -= namesIn(dropped);
    }
  }

  #addModel(model: ModelInfo): void {
    const last = this.models.at(-1)?.version ?? 0;
    if (model.version !== last + 1) throw new HistoryBroken(`Model version ${model.version} follows version ${last}`);
    this.models.push(model);
    this.current = model;
  }

  #must(clientId: string, event: ClientEventType): void {
    if (this.#clients.apply(clientId, event)) return;
    throw new HistoryBroken(`Client ${clientId} is ${this.#clients.stateOf(clientId)}: ${event} does not apply`);
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
