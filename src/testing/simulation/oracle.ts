import type { ChorusEvent, Receipt, RoundRecord } from '../../domain/handle.ts';
import type { Tensors } from '../../domain/model.ts';
import type { Plan } from '../../domain/plan.ts';
import { Acknowledgements } from './acknowledgements.ts';
import { attemptOf, type Progress } from './attempts.ts';
import { audit } from './audit.ts';
import { checkContributions, stalenessMaxOf } from './contributions.ts';
import { Course, type PhaseNews } from './course.ts';
import type { CrashKind } from './disk.ts';
import { Evaluations, type Judged } from './evaluations.ts';
import type { Payload } from './payload.ts';
import { type Crash, Presence } from './presence.ts';
import type { ModelReference } from './reference.ts';
import { SentUpdates } from './sent-updates.ts';
import type { LiveServer } from './server.ts';
import { Versions } from './versions.ts';
import type { Invariant } from './violation.ts';
import type { World } from './world.ts';

export interface OracleOptions {
  world: World;
  plan: Plan;
  /** What a round's contributions must make. */
  reference: ModelReference;
  /** What the operator installs. */
  initialModel: Tensors;
  stagingBytesMax: number;
  durability: 'update' | 'round';
  fsync: 'always' | 'commit';
  /** Longest an attempt may last, simulated ms. */
  attemptMsMax: number;
  /** Longest a client may hold a heartbeat, and count as present meanwhile, ms. */
  holdMsMax: number;
  /** Disk operations that have failed so far. */
  diskFailures: () => number;
}

/** What the server says when an attempt is over. */
const endings: ReadonlySet<string> = new Set(['round.committed', 'round.evaluated', 'round.abandoned']);

/** Newest attempts among which one is looked for that is open, or has ended only now. */
const recordsLookedAt = 8;
/** Steps between two looks at everything that is cheap enough to be looked at often. */
const stepsBetweenAudits = 64;

/**
 * Watches from outside what the system says and does, knows what was sent and what was acknowledged, and holds both
 * against what always must be true. Each rule is a part's matter; here they are told what happens.
 */
export class Oracle {
  readonly presence: Presence;
  readonly evaluations: Evaluations;
  readonly #options: OracleOptions;
  readonly #world: World;
  readonly #sent: SentUpdates;
  readonly #acknowledgements: Acknowledgements;
  readonly #versions: Versions;
  readonly #course: Course;
  #steps = 0;
  /** Attempts that ended in this step. */
  #ended: Progress[] = [];
  #live: LiveServer | null = null;
  #lastCrash: Crash | null = null;
  #isUp = false;
  /** Attempts whose end was looked into, and is on record. */
  #concluded = new Set<string>();
  #roundsAbandoned = 0;
  /** Failures of the disk when the last attempt ended. */
  #failuresBefore = 0;

  constructor(options: OracleOptions) {
    const { world, plan, reference, initialModel, attemptMsMax, holdMsMax } = options;
    this.#options = options;
    this.#world = world;
    this.presence = new Presence(world, { heartbeatTimeoutMs: plan.heartbeatTimeoutMs, holdMsMax });
    this.evaluations = new Evaluations(world);
    this.#sent = new SentUpdates(world);
    this.#acknowledgements = new Acknowledgements(world, this.#sent);
    this.#versions = new Versions(world, { reference, initialModel });
    this.#course = new Course(world, attemptMsMax);
  }

  get roundsCommitted(): number {
    return this.#acknowledgements.roundsCommitted;
  }

  get roundsAbandoned(): number {
    return this.#roundsAbandoned;
  }

  /** The newest model, or null. */
  get model(): Tensors | null {
    return this.#versions.model;
  }

  /** Whether every committed model was read and found to be what it must be. */
  get isSettled(): boolean {
    return this.#versions.isSettled;
  }

  // ── what it is told ─────────────────────────────────────────────────────────────────────────────────────────────

  sent(update: { run: string; round: number; clientId: string; payload: Payload }): void {
    this.#sent.note(update);
  }

  acknowledged(run: string, receipt: Receipt): void {
    const records = this.#live?.handle.rounds(recordsLookedAt) ?? [];
    this.#acknowledgements.note(run, receipt, records);
  }

  /** An event of the process; it is looked into when everything that it set going has settled. */
  event({ type, data }: ChorusEvent): void {
    if (type === 'phase') this.#course.note(data as unknown as PhaseNews);
    if (type === 'update.accepted' || type === 'result.accepted')
      this.presence.heard((data as unknown as Receipt).clientId);
    if (type === 'model.judged') this.evaluations.judged(data as unknown as Judged);
    if (endings.has(type)) {
      const { run, round, attempt } = data as unknown as Progress;
      this.#ended.push({ run, round, attempt });
      this.#course.ended();
    }
  }

  /** The wall clock was set. */
  clockSet(): void {
    this.presence.disturbed();
  }

  /** The process has ended. */
  down(kind: CrashKind, { diskWasInTrouble }: { diskWasInTrouble: boolean }): void {
    this.#live = null;
    const isForgotten = kind === 'power' || diskWasInTrouble;
    this.#course.down({ isForgotten, isOver: this.#options.durability === 'round' });
    this.#ended = [];
    // A process may end before it has come up: then what the one before it lost is lost.
    const before = this.#isUp ? null : this.#lastCrash;
    this.#lastCrash = {
      kind: before?.kind === 'power' ? 'power' : kind,
      atMs: before?.atMs ?? this.#world.nowMs,
      diskWasInTrouble: diskWasInTrouble || before?.diskWasInTrouble === true,
    };
    this.#isUp = false;
    if (this.#outlives(kind)) return;
    this.#acknowledgements.release();
    this.evaluations.release();
  }

  /** The process is up, and goes on where the one before it ended. */
  up(live: LiveServer): void {
    this.#live = live;
    this.#isUp = true;
    if (this.#lastCrash) this.presence.checkIdentities(live.handle, this.#lastCrash);
    this.presence.disturbed();
    if (!this.#lastCrash) return;
    const records = live.handle.rounds(1_000).reverse();
    const ended = records.filter(({ endedAtMs }) => endedAtMs !== null);
    for (const record of ended) this.#heedEnd(live, record);
    this.#concluded = new Set(ended.map(attemptOf));
    this.#acknowledgements.survived(records.at(-1));
    this.#versions.checkAll(live);
  }

  /** Whether updates that were acknowledged survive this kind of crash. */
  #outlives(kind: CrashKind): boolean {
    const { durability, fsync } = this.#options;
    return durability === 'update' && (kind === 'killed' || fsync === 'always');
  }

  // ── what it checks ──────────────────────────────────────────────────────────────────────────────────────────────

  /** After every step: all promises have settled that could. */
  check(): void {
    this.#steps += 1;
    const live = this.#live;
    this.#course.check(() => this.#waiting());
    if (!live || live.isDead) return;
    const ended = this.#ended;
    this.#ended = [];
    for (const one of ended) this.#checkEnded(live, one);
    if (ended.length > 0 || this.#steps % stepsBetweenAudits === 0) this.#audit(live);
  }

  #audit(live: LiveServer): void {
    const { plan, stagingBytesMax } = this.#options;
    // One upload always fits, however large.
    const stagedBytesMax = Math.max(stagingBytesMax, plan.payloadBytesMax);
    audit(live, { world: this.#world, presence: this.presence, stagedBytesMax });
  }

  #checkEnded(live: LiveServer, { run, round, attempt }: Progress): void {
    const record = live.handle
      .rounds(recordsLookedAt)
      .find((one) => one.run === run && one.round === round && one.attempt === attempt);
    if (record) this.#heedEnd(live, record);
    else this.#fail('nothing goes back', `attempt ${attempt} at round ${round} is not in the history`);
  }

  /** An attempt is over. */
  #heedEnd(live: LiveServer, record: RoundRecord): void {
    const key = attemptOf(record);
    if (this.#concluded.has(key)) return;
    this.#concluded.add(key);
    const failures = this.#options.diskFailures();
    const diskFailed = failures > this.#failuresBefore;
    this.#failuresBefore = failures;
    if (record.kind === 'evaluation') this.evaluations.ended(record);
    else if (record.phase === 'committed') this.#checkCommitted(live, record);
    else {
      this.#roundsAbandoned += 1;
      this.#acknowledgements.givenUp(record, diskFailed);
    }
  }

  #checkCommitted(live: LiveServer, record: RoundRecord): void {
    const { run, round } = record;
    const { plan } = this.#options;
    this.#acknowledgements.committed(record);
    checkContributions(record, plan, (invariant, sentence) => this.#fail(invariant, sentence));
    this.#versions.committed(live, record, this.#sent.of(record));
    this.#sent.forget(run, round - 1 - stalenessMaxOf(plan));
  }

  #waiting(): string {
    const live = this.#live;
    return live && !live.isDead ? live.handle.status().waitingFor.summary : 'the process is down';
  }

  #fail(invariant: Invariant, sentence: string): void {
    this.#world.violate({ invariant, sentence });
  }
}
