import { createHash } from 'node:crypto';
import type { ChorusEvent, CoordinatorHandle, Receipt, RoundRecord } from '../../domain/handle.ts';
import type { ModelInfo, Tensors } from '../../domain/model.ts';
import type { Plan } from '../../domain/plan.ts';
import { decodeSafetensors } from '../../wire/safetensors.ts';
import type { CrashKind } from './disk.ts';
import { exactMean, firstDifference, type WeightedUpdate } from './exact-mean.ts';
import type { Payload } from './payload.ts';
import type { LiveServer } from './server.ts';
import type { Invariant } from './violation.ts';
import type { World } from './world.ts';

export interface OracleOptions {
  world: World;
  plan: Plan;
  /** Whether the sum of contributions is what clients sent: other strategies make other models. */
  checksMean: boolean;
  /** What the operator installs. */
  initialModel: Tensors;
  stagingBytesMax: number;
  durability: 'update' | 'round';
  fsync: 'always' | 'commit';
  /** Longest an attempt may last, simulated ms. */
  attemptMsMax: number;
  /** Longest a client may hold a heartbeat, and count as present meanwhile, ms. */
  holdMsMax: number;
}

interface SentUpdate extends Payload {
  sha256: string | null;
}

/** An update whose client was told that it counts. */
interface Acknowledged {
  run: string;
  round: number;
  clientId: string;
  sha256: string;
}

/** Where the protocol stands, as far as it was ever heard. */
interface Progress {
  run: string;
  round: number;
  attempt: number;
}

interface PhaseNews {
  run: string | null;
  runState: string;
  round: number;
  attempt: number;
  phase: string;
}

/** How a process ended. */
interface Crash {
  kind: CrashKind;
  atMs: number;
  /** Facts may have waited for the disk. */
  diskWasFull: boolean;
}

/** Phases that wait for people, for as long as it takes. */
const restingPhases: ReadonlySet<string> = new Set(['idle', 'gathering', 'paused', 'finished', 'stopped', 'draining']);
/** Over and above the heartbeat timeout, until a client that fell silent is lost: by the sweeps, and by pauses, ms. */
const sweepMsMax = 5_000;

const openPhases: ReadonlySet<string> = new Set(['selecting', 'training', 'aggregating', 'committing']);

/** Steps between two looks at everything that is cheap enough to be looked at often. */
const stepsBetweenAudits = 64;

const keyOf = (run: string, round: number): string => `${run} ${round}`;
const isLater = (a: Progress, b: Progress): boolean =>
  a.run !== b.run || a.round > b.round || (a.round === b.round && a.attempt > b.attempt);

/**
 * Watches from outside what the system says and does, knows what was sent and what was acknowledged, and holds both
 * against what always must be true.
 */
export class Oracle {
  readonly #options: OracleOptions;
  readonly #world: World;
  /** By run and round, then by client. */
  readonly #sent = new Map<string, Map<string, SentUpdate[]>>();
  /** Not yet known to be in a committed round, or in an attempt that was given up. */
  #acknowledged = new Set<Acknowledged>();
  readonly #committed = new Map<string, RoundRecord>();
  readonly #versions: ModelInfo[] = [];
  /** The newest model, to which deltas are added. */
  #model: { version: number; tensors: Tensors } | null = null;
  #progress: Progress | null = null;
  #openedAtMs: number | null = null;
  #steps = 0;
  /** Of rounds that ended in this step. */
  #ended: Progress[] = [];
  #live: LiveServer | null = null;
  /** What was accepted in the open attempt was not promised to survive a crash that came. */
  #mayBeLost = false;
  #lastCrash: Crash | null = null;
  #isUp = false;
  /** Attempts whose end was looked into, and is on record. */
  #concluded = new Set<string>();
  /** Clients that hold a registration, with their tokens. */
  readonly #tokens = new Map<string, string>();
  /** When the server last heard of a client, simulated ms. */
  readonly #heardAtMs = new Map<string, number>();
  /** Since when nothing has happened that excuses a silence: a start, or a step of the clock. */
  #steadySinceMs = 0;
  /** Updates of attempts that were given up. */
  readonly #givenUp = new Set<string>();
  #roundsAbandoned = 0;

  constructor(options: OracleOptions) {
    this.#options = options;
    this.#world = options.world;
  }

  get roundsCommitted(): number {
    return this.#committed.size;
  }

  get roundsAbandoned(): number {
    return this.#roundsAbandoned;
  }

  // ── what it is told ─────────────────────────────────────────────────────────────────────────────────────────────

  sent({ run, round, clientId, payload }: { run: string; round: number; clientId: string; payload: Payload }): void {
    const key = keyOf(run, round);
    const ofRound = this.#sent.get(key) ?? new Map<string, SentUpdate[]>();
    this.#sent.set(key, ofRound);
    const ofClient = ofRound.get(clientId) ?? [];
    ofRound.set(clientId, ofClient);
    if (!ofClient.some(({ bytes }) => bytes === payload.bytes)) ofClient.push({ ...payload, sha256: null });
  }

  acknowledged(run: string, { round, clientId, sha256 }: Receipt): void {
    const one: Acknowledged = { run, round, clientId, sha256 };
    if (this.#givenUp.has(nameOf(one))) return;
    const committed = this.#committed.get(keyOf(run, round));
    if (!committed) this.#acknowledged.add(one);
    else if (!holds(committed, one)) this.#failLost(one, 'is not in the model of its round');
  }

  /** An event of the process; it is looked into when everything that it set going has settled. */
  event({ type, data }: ChorusEvent): void {
    if (type === 'phase') this.#notePhase(data as unknown as PhaseNews);
    if (type === 'update.accepted') this.heard((data as unknown as Receipt).clientId);
    if (type === 'round.committed' || type === 'round.abandoned') {
      const { run, round, attempt } = data as unknown as Progress;
      this.#ended.push({ run, round, attempt });
      this.#openedAtMs = null;
    }
  }

  /** A client holds a registration. */
  registered(clientId: string, clientToken: string): void {
    this.#tokens.set(clientId, clientToken);
  }

  /** A client will not be heard of under this id any more, or was told that the server does not know it. */
  gone(clientId: string): void {
    this.#tokens.delete(clientId);
  }

  /** A message of a client has come to the server. */
  heard(clientId: string): void {
    this.#heardAtMs.set(clientId, this.#world.nowMs);
  }

  /** The wall clock was set. */
  clockSet(): void {
    this.#steadySinceMs = this.#world.nowMs;
  }

  /** The process has ended. */
  down(kind: CrashKind, { diskWasFull }: { diskWasFull: boolean }): void {
    this.#live = null;
    this.#openedAtMs = null;
    this.#ended = [];
    // A process may end before it has come up: then what the one before it lost is lost.
    const before = this.#isUp ? null : this.#lastCrash;
    this.#lastCrash = {
      kind: before?.kind === 'power' ? 'power' : kind,
      atMs: before?.atMs ?? this.#world.nowMs,
      diskWasFull: diskWasFull || before?.diskWasFull === true,
    };
    this.#isUp = false;
    // What was not synced may be done again, another way; what was committed may not.
    if (kind === 'power' || diskWasFull || this.#options.durability === 'round') this.#progress = null;
    if (!this.#outlives(kind)) {
      this.#acknowledged.clear();
      this.#mayBeLost = true;
    }
  }

  /** The process is up, and goes on where the one before it ended. */
  up(live: LiveServer): void {
    this.#live = live;
    this.#isUp = true;
    if (this.#lastCrash) this.#checkIdentities(live, this.#lastCrash);
    this.#steadySinceMs = this.#world.nowMs;
    if (!this.#lastCrash) return;
    const records = live.handle.rounds(1_000).reverse();
    const ended = records.filter(({ endedAtMs }) => endedAtMs !== null);
    for (const record of ended) this.#heedEnd(live, record);
    this.#concluded = new Set(ended.map(attemptOf));
    const open = records.at(-1);
    for (const one of this.#acknowledged) {
      if (open?.endedAtMs === null && open.run === one.run && open.round === one.round && holds(open, one)) continue;
      this.#failLost(one, 'is gone after the crash');
    }
    this.#checkModels(live);
  }

  /** Who was there when the process was killed is known to the next one, by the same token. */
  #checkIdentities({ handle }: LiveServer, { kind, atMs, diskWasFull }: Crash): void {
    const mayBeLost =
      kind === 'power' || diskWasFull || atMs - this.#steadySinceMs <= this.#options.plan.heartbeatTimeoutMs;
    for (const [clientId, token] of this.#tokens) {
      if (isKnown(handle, clientId, token)) continue;
      this.#tokens.delete(clientId);
      const silentMs = atMs - (this.#heardAtMs.get(clientId) ?? Number.NEGATIVE_INFINITY);
      if (mayBeLost || silentMs >= this.#options.plan.heartbeatTimeoutMs) continue;
      this.#fail(
        'identity stays',
        `client ${clientId} was heard of ${Math.round(silentMs)} ms before the crash, and is not known after it`,
      );
    }
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
    if (this.#openedAtMs !== null && this.#world.nowMs > this.#openedAtMs + this.#options.attemptMsMax) {
      this.#openedAtMs = null;
      this.#fail('rounds end', `an attempt is open for more than ${this.#options.attemptMsMax} ms: ${this.#waiting()}`);
    }
    if (!live || live.isDead) return;
    if (this.#ended.length > 0) {
      const ended = this.#ended;
      this.#ended = [];
      for (const one of ended) this.#checkEnded(live, one);
      this.#audit(live);
    } else if (this.#steps % stepsBetweenAudits === 0) this.#audit(live);
  }

  #notePhase({ run, runState, round, attempt, phase }: PhaseNews): void {
    // A run that is over names its last round, and a first attempt at nothing.
    if (run === null || runState === 'finished') return;
    const now = { run, round, attempt };
    const before = this.#progress;
    if (before && before.run === run && isLater(before, now)) {
      this.#fail(
        'nothing goes back',
        `round ${before.round}, attempt ${before.attempt} was followed by round ${round}, attempt ${attempt}`,
      );
    }
    if (openPhases.has(phase)) this.#openedAtMs ??= this.#world.nowMs;
    this.#progress = now;
  }

  #checkEnded(live: LiveServer, { run, round, attempt }: Progress): void {
    const record = live.handle
      .rounds(8)
      .find((one) => one.run === run && one.round === round && one.attempt === attempt);
    if (record) this.#heedEnd(live, record);
    else this.#fail('nothing goes back', `attempt ${attempt} at round ${round} is not in the history`);
  }

  /** An attempt is over. */
  #heedEnd(live: LiveServer, record: RoundRecord): void {
    const { run, round, phase, contributions } = record;
    const key = attemptOf(record);
    if (this.#concluded.has(key)) return;
    this.#concluded.add(key);
    if (phase === 'committed') this.#checkCommitted(live, record);
    else {
      this.#roundsAbandoned += 1;
      this.#checkGivenUp(record);
      this.#mayBeLost = false;
      for (const contribution of contributions) this.#givenUp.add(nameOf({ ...contribution, run }));
    }
    for (const one of this.#acknowledged) {
      if (one.run !== run || one.round !== round) continue;
      const isIn = holds(record, one);
      if (isIn || phase === 'committed') this.#acknowledged.delete(one);
      if (!isIn && phase === 'committed') this.#failLost(one, 'is not in the model of its round');
    }
  }

  /** An attempt is not given up for updates that had to survive. */
  #checkGivenUp({ round, attempt, reason }: RoundRecord): void {
    const isForLost = reason?.includes(' is lost: ') ?? false;
    if (isForLost && !this.#mayBeLost) {
      this.#fail('updates survive', `attempt ${attempt} at round ${round} was given up: ${reason}`);
    }
  }

  #failLost({ clientId, round }: Acknowledged, how: string): void {
    this.#fail('updates survive', `the update of ${clientId} for round ${round} was acknowledged, and ${how}`);
  }

  #checkCommitted(live: LiveServer, record: RoundRecord): void {
    const { run, round, contributions, cohort, quorum, modelVersion } = record;
    const key = keyOf(run, round);
    if (this.#committed.has(key)) this.#fail('counted once', `round ${round} was committed twice`);
    this.#committed.set(key, record);
    if (contributions.length < quorum) {
      this.#fail(
        'quorum',
        `round ${round} was committed by ${contributions.length} contributions; its quorum is ${quorum}`,
      );
    }
    const ids = new Set(contributions.map(({ clientId }) => clientId));
    if (ids.size !== contributions.length) this.#fail('counted once', `a client counts twice in round ${round}`);
    for (const clientId of ids) {
      if (!cohort.includes(clientId)) this.#fail('counted once', `${clientId} counts in round ${round} unselected`);
    }
    if (modelVersion === null) {
      this.#fail('versions rise', `round ${round} was committed without a version`);
      return;
    }
    this.#checkVersions(live, modelVersion);
    const updates = this.#updatesOf(record);
    if (updates && this.#options.checksMean) this.#checkModel(live, record, modelVersion, updates);
    this.#sent.delete(keyOf(run, round - 1));
  }

  /** A model that the operator installed is a version too. */
  #noteInstalled({ handle }: LiveServer): void {
    for (const model of handle.models()) {
      if (model.round !== 0 || model.version !== (this.#versions.at(-1)?.version ?? 0) + 1) continue;
      this.#versions.push({ ...model });
      this.#model = { version: model.version, tensors: this.#options.initialModel };
    }
  }

  #checkVersions(live: LiveServer, version: number): void {
    this.#noteInstalled(live);
    const before = this.#versions.at(-1)?.version ?? 0;
    if (version !== before + 1) this.#fail('versions rise', `version ${before} was followed by ${version}`);
    const info = live.handle.models().find((model) => model.version === version);
    if (info) this.#versions.push({ ...info });
    else this.#fail('models stay', `version ${version} was committed, and is not there`);
  }

  /** What was committed once is there as it was, also after a crash. */
  #checkModels(live: LiveServer): void {
    this.#noteInstalled(live);
    const models = new Map(live.handle.models().map((model) => [model.version, model]));
    for (const { version, sha256 } of this.#versions) {
      const there = models.get(version);
      if (there?.sha256 === sha256) continue;
      this.#fail('models stay', `version ${version} is ${there ? 'another model' : 'gone'}`);
    }
    if (models.size !== this.#versions.length) {
      this.#fail('versions rise', `${models.size} versions are there, and ${this.#versions.length} were committed`);
    }
  }

  /** What the contributions of a round were, as they were sent. */
  #updatesOf({ run, round, contributions }: RoundRecord): WeightedUpdate[] | null {
    const ofRound = this.#sent.get(keyOf(run, round));
    const updates: WeightedUpdate[] = [];
    for (const { clientId, sha256, numExamples } of contributions) {
      const sent = ofRound?.get(clientId)?.find((one) => {
        one.sha256 ??= createHash('sha256').update(one.bytes).digest('hex');
        return one.sha256 === sha256;
      });
      if (!sent?.isSound) {
        this.#fail(
          'counted once',
          `round ${round} counts an update of ${clientId} that ${sent ? 'is unsound' : 'it never sent'}`,
        );
        return null;
      }
      updates.push({ tensors: decodeSafetensors(sent.bytes).tensors, numExamples });
    }
    return updates;
  }

  #checkModel(live: LiveServer, { round }: RoundRecord, version: number, updates: readonly WeightedUpdate[]): void {
    const base = this.#options.plan.updateKind === 'deltas' ? (this.#model?.tensors ?? null) : null;
    const expected = exactMean(updates, base);
    this.#model = { version, tensors: expected };
    live.handle.openModel(version).then(
      ({ bytes }) => {
        const difference = firstDifference(expected, decodeSafetensors(bytes).tensors);
        if (difference && !live.isDead) this.#fail('exact mean', `in the model of round ${round}, ${difference}`);
      },
      (error: unknown) => {
        if (!live.isDead) this.#fail('models stay', `version ${version} cannot be opened: ${String(error)}`);
      },
    );
  }

  /** Everything else that can be seen from outside. */
  #audit(live: LiveServer): void {
    const { handle, core } = live;
    const { counts, population, contributions, waitingFor } = handle.status();
    if (waitingFor.deadlineAtMs === null && !restingPhases.has(waitingFor.phase)) {
      this.#fail('rounds end', `phase ${waitingFor.phase} has no deadline: ${waitingFor.summary}`);
    }
    const recount: Record<string, number> = {};
    let cursor: string | undefined;
    do {
      const page = handle.clients({ limit: 1_000, ...(cursor === undefined ? {} : { cursor }) });
      for (const { clientId, state } of page.clients) {
        recount[state] = (recount[state] ?? 0) + 1;
        if (state !== 'doneAndInactive') this.#checkHeard(clientId, state);
      }
      cursor = page.cursor ?? undefined;
    } while (cursor !== undefined);
    let present = 0;
    for (const [state, count] of Object.entries(counts)) {
      if (count !== (recount[state] ?? 0)) {
        this.#fail('counts agree', `${count} clients are counted as ${state}, and ${recount[state] ?? 0} are`);
      }
      if (state !== 'doneAndInactive') present += count;
    }
    if (present !== population) this.#fail('counts agree', `the population is ${population}, and ${present} are there`);
    if (counts.done + counts.doneAndInactive > contributions) {
      this.#fail(
        'counted once',
        `${counts.done + counts.doneAndInactive} clients are done, with ${contributions} contributions`,
      );
    }
    const { stagedBytes } = core.gate?.stats() ?? { stagedBytes: 0 };
    // One upload always fits, however large.
    const stagedBytesMax = Math.max(this.#options.stagingBytesMax, this.#options.plan.payloadBytesMax);
    if (stagedBytes > stagedBytesMax) {
      this.#fail('memory is bounded', `${stagedBytes} bytes are staged of at most ${stagedBytesMax}`);
    }
    for (const { what, dueAtMs } of live.openCalls) {
      if (this.#world.nowMs > dueAtMs) this.#fail('answers come', `${what} should have been answered by now`);
    }
  }

  /** Who fell silent is lost after the timeout, whatever the clock says. */
  #checkHeard(clientId: string, state: string): void {
    const silentMsMax = 2 * this.#options.plan.heartbeatTimeoutMs + this.#options.holdMsMax + sweepMsMax;
    const sinceMs = Math.max(this.#heardAtMs.get(clientId) ?? 0, this.#steadySinceMs);
    if (this.#world.nowMs - sinceMs <= silentMsMax) return;
    this.#fail(
      'the silent are lost',
      `client ${clientId} is ${state}, and was not heard of for more than ${silentMsMax} ms`,
    );
  }

  #waiting(): string {
    const live = this.#live;
    return live && !live.isDead ? live.handle.status().waitingFor.summary : 'the process is down';
  }

  #fail(invariant: Invariant, sentence: string): void {
    this.#world.violate({ invariant, sentence });
  }
}

function isKnown(handle: CoordinatorHandle, clientId: string, token: string): boolean {
  try {
    return handle.authenticate(clientId, token);
  } catch {
    return false;
  }
}

const attemptOf = ({ run, round, attempt }: RoundRecord): string => `${keyOf(run, round)} ${attempt}`;
const nameOf = ({ run, round, clientId, sha256 }: Acknowledged): string => `${keyOf(run, round)} ${clientId} ${sha256}`;

const holds = ({ contributions }: RoundRecord, { clientId, sha256 }: Acknowledged): boolean =>
  contributions.some((one) => one.clientId === clientId && one.sha256 === sha256);
