import { ChorusError } from '../domain/errors.ts';
import type { Checkpoint, Entry, Fact } from '../domain/facts.ts';
import type { HistoryEntry, HistoryPage, HistoryQuery, PastMoment } from '../domain/past.ts';
import type { RoundRecord } from '../domain/round-record.ts';
import { beginReplay, type Replayed } from '../history/replay.ts';
import { sentenceOf } from '../history/sentence.ts';
import { statusOf } from '../history/situation.ts';
import { Turns } from './turns.ts';

export interface TimelineOptions {
  /** Facts kept; the oldest go first. @default 20,000 */
  factsMax?: number;
  /** Clients named in them, all in all; a cohort of thousands is one fact. @default 500,000 */
  namesMax?: number;
  /** Clients that it follows; with more, nothing of the past is shown. @default 100,000 */
  clientsMax?: number;
  /** Lets others have their turn. @default setImmediate */
  breathe?: () => Promise<void>;
}

/** A fact, with its sentence where it cannot be told from what is kept of it. */
type Kept = Entry & { sentence?: string };

/** Facts applied in one turn of the event loop. */
const factsPerTurn = 500;
/** Clients copied in one turn. */
const clientsPerTurn = 5_000;
/** Replays kept, so that one who goes on from where he looked before waits for the difference only. */
const replaysKeptMax = 4;
/** Questions that wait their turn; more are refused. */
const waitingMax = 16;
/** When one that was refused shall come back, ms. */
const retryAfterMs = 1_000;
/** Attempts told of a moment, newest first, and clients named in them. */
const roundsToldMax = 300;
const namesToldMax = 50_000;

/**
 * The last facts, in order, and the state before them: enough to show how things stood after any of them. It costs each
 * fact one more application to a state, when it is too old to be kept; reading happens on copies, a turn at a time.
 */
export class Timeline {
  readonly #factsMax: number;
  readonly #namesMax: number;
  readonly #clientsMax: number;
  readonly #breathe: () => Promise<void>;
  /** Trimmed in blocks; those before `#from` are in the base already. */
  #entries: Kept[] = [];
  #from = 0;
  #names = 0;
  /** The state before the oldest that is kept; null: there are too many clients to follow. */
  #base: Replayed | null = beginReplay();
  /** Of moments that were looked at, the latest used last. */
  readonly #replays: Replayed[] = [];
  #isCopying = false;
  readonly #turns = new Turns({ waitingMax, what: 'moments are being looked up', retryAfterMs });

  constructor({
    factsMax = 20_000,
    namesMax = 500_000,
    clientsMax = 100_000,
    breathe = nextTurn,
  }: TimelineOptions = {}) {
    this.#factsMax = factsMax;
    this.#namesMax = namesMax;
    this.#clientsMax = clientsMax;
    this.#breathe = breathe;
  }

  /** The next fact; each has the number after the one before. */
  add(entry: Entry): void {
    if (!this.#base) return;
    const kept = frozen(entry, this.#entries.length > 0);
    this.#entries.push(kept);
    this.#names += namesIn(kept.fact);
    // While the state before them is copied, it must not change.
    if (this.#isCopying) return;
    while (this.#kept > this.#factsMax || (this.#names > this.#namesMax && this.#kept > 1)) this.#age();
    if (this.#from >= this.#factsMax) {
      this.#entries = this.#entries.slice(this.#from);
      this.#from = 0;
    }
  }

  /** @returns up to `limit` entries, ascending, that end before `before`, or with the newest. */
  page({ limit = 200, before = Number.POSITIVE_INFINITY }: HistoryQuery = {}): Omit<HistoryPage, 'onDisk'> {
    const { firstSeq, lastSeq } = this.bounds;
    if (lastSeq === 0) return { firstSeq, lastSeq, entries: [] };
    const end = this.#from + Math.max(0, Math.min(before, lastSeq + 1) - firstSeq);
    const entries = this.#entries.slice(Math.max(this.#from, end - limit), end);
    return { firstSeq, lastSeq, entries: entries.map(toldOf) };
  }

  /** How things stood right after a fact. @throws MOMENT_UNKNOWN, RATE_LIMITED */
  async moment(seq: number): Promise<PastMoment> {
    this.#mustKeep(seq);
    return this.#turns.take(() => this.#look(seq));
  }

  /** Numbers of the oldest and the newest fact that are kept; both 0 when none is. */
  get bounds(): { firstSeq: number; lastSeq: number } {
    return { firstSeq: this.#entries[this.#from]?.seq ?? 0, lastSeq: this.#entries.at(-1)?.seq ?? 0 };
  }

  /** Whether it keeps this fact. */
  holds(seq: number): boolean {
    const { firstSeq, lastSeq } = this.bounds;
    return lastSeq > 0 && firstSeq <= seq && seq <= lastSeq;
  }

  get #kept(): number {
    return this.#entries.length - this.#from;
  }

  #mustKeep(seq: number): void {
    if (this.holds(seq)) return;
    const { firstSeq, lastSeq } = this.bounds;
    const which = lastSeq === 0 ? 'none is kept' : `those from ${firstSeq} to ${lastSeq} are kept`;
    throw new ChorusError('MOMENT_UNKNOWN', `There is no entry ${seq}: ${which}`);
  }

  /** The oldest fact is not kept any more: it goes into the state before the others. */
  #age(): void {
    const oldest = this.#entries[this.#from];
    if (!oldest || !this.#base) return;
    try {
      this.#base.history.apply(oldest);
    } catch {
      // What was written is no history: nothing of it can be shown, and the server goes on.
      this.#giveUp();
      return;
    }
    this.#names -= namesIn(oldest.fact);
    this.#from += 1;
    if (this.#base.clients.population > this.#clientsMax) this.#giveUp();
  }

  #giveUp(): void {
    this.#base = null;
    this.#entries = [];
    this.#from = 0;
    this.#names = 0;
    this.#replays.length = 0;
  }

  async #look(seq: number): Promise<PastMoment> {
    for (;;) {
      this.#mustKeep(seq);
      const replay = await this.#nearest(seq);
      if (await this.#advance(replay, seq)) {
        this.#replays.push(replay);
        if (this.#replays.length > replaysKeptMax) this.#replays.shift();
        return momentOf(replay);
      }
    }
  }

  /** The replay that has the least way to go, taken out of those that are kept; or a copy of the state before all. */
  async #nearest(seq: number): Promise<Replayed> {
    let best = -1;
    for (const [index, { history }] of this.#replays.entries()) {
      if (history.seq <= seq && history.seq > (this.#replays[best]?.history.seq ?? -1)) best = index;
    }
    const [found] = best === -1 ? [] : this.#replays.splice(best, 1);
    const base = this.#base ?? beginReplay();
    return found && found.history.seq >= base.history.seq ? found : this.#copyOf(base);
  }

  /** What is over is shared, for it does not change any more. */
  async #copyOf({ history, clients }: Replayed): Promise<Replayed> {
    const copy = beginReplay();
    if (history.seq === 0) return copy;
    this.#isCopying = true;
    try {
      const checkpoint = history.checkpoint([]);
      const state: Checkpoint = { ...checkpoint, open: structuredClone(checkpoint.open) };
      copy.history.apply({ seq: history.seq, atMs: history.atMs, fact: { type: 'checkpoint', state } });
      let copied = 0;
      for (const client of clients.list()) {
        copy.clients.restore(...client);
        copied += 1;
        if (copied % clientsPerTurn === 0) await this.#breathe();
      }
      return copy;
    } finally {
      this.#isCopying = false;
    }
  }

  /** @returns false when facts went out of reach meanwhile. */
  async #advance({ history }: Replayed, seq: number): Promise<boolean> {
    for (let applied = 1; history.seq < seq; applied += 1) {
      if (applied % factsPerTurn === 0) await this.#breathe();
      const first = this.#entries[this.#from];
      const next = first && this.#entries[this.#from + Math.max(first.seq, history.seq + 1) - first.seq];
      if (!next || (history.seq > 0 && next.seq !== history.seq + 1)) return false;
      history.apply(next);
    }
    return true;
  }
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What is shared with the living and still changed by it is copied; of a checkpoint only its sentence is kept. */
function frozen(entry: Entry, followsOthers: boolean): Kept {
  const { fact } = entry;
  if (fact.type === 'round.committed' && fact.record) return { ...entry, fact: structuredClone(fact) };
  if (fact.type !== 'checkpoint' || !followsOthers) return entry;
  const state = { ...fact.state, clients: [], rounds: [], carried: [], models: [], open: null };
  return { ...entry, fact: { ...fact, state }, sentence: sentenceOf(fact) };
}

function namesIn(fact: Fact): number {
  if (fact.type === 'clients.selected') return fact.clientIds.length;
  if (fact.type === 'checkpoint') return fact.state.clients.length;
  return fact.type === 'round.committed' && fact.record ? fact.record.cohort.length : 1;
}

/** Names of clients are for operators only, so they are left out. */
function toldOf({ seq, atMs, fact, sentence }: Kept): HistoryEntry {
  const shown = fact.type === 'client.registered' ? { type: fact.type, clientId: fact.clientId } : fact;
  return { seq, atMs, type: fact.type, sentence: sentence ?? sentenceOf(shown) };
}

function momentOf(replayed: Replayed): PastMoment {
  const { rounds, open } = replayed.history;
  const told: RoundRecord[] = open ? [structuredClone(open.record)] : [];
  let names = told[0]?.cohort.length ?? 0;
  for (let index = rounds.length - 1; index >= 0 && told.length < roundsToldMax; index -= 1) {
    const record = rounds[index];
    names += record?.cohort.length ?? 0;
    if (!record || names > namesToldMax) break;
    told.push(record);
  }
  // What the aggregator and the process were then leaves no trace.
  return { status: { ...statusOf(replayed), aggregator: 'idle', uptimeMs: 0 }, rounds: told };
}
