import { beforeEach, describe, expect, it } from 'vitest';
import { SimulatedClock } from 'xstate';
import { Recorder, type RecorderDeps } from '../../src/actors/recorder.ts';
import { ClientRegistry } from '../../src/actors/registry.ts';
import { registryStates } from '../../src/actors/registry-states.ts';
import type { Fact } from '../../src/domain/facts.ts';
import { seededRandom } from '../../src/domain/random.ts';
import { History } from '../../src/history/history.ts';
import { openFileJournal } from '../../src/storage/file-journal.ts';
import type { Journal } from '../../src/storage/journal.ts';
import { model, receipt, runStarted } from '../history/support/facts.ts';
import { MemoryDisk } from '../history/support/memory-disk.ts';

const decision = { from: 9, to: 1, atMs: 0, by: 'admin token', auditSeq: 1 } as const;
const stranger = '00000000-0000-8000-8000-000000000000';

/** Each kind of fact that can be impossible, in a history with a client that waits and no run. */
const impossible: [string, Fact][] = [
  ['a client without a place', { type: 'client.registered', clientId: 'nobody' }],
  ['the return of one without a place', { type: 'client.returned', clientId: 'nobody' }],
  ['the loss of a stranger', { type: 'client.lost', clientId: stranger, reason: 'left' }],
  ['the eviction of a stranger', { type: 'client.evicted', clientId: stranger }],
  ['the readmission of a stranger', { type: 'client.readmitted', clientId: stranger }],
  ['a model version too many', { type: 'model.installed', model: model(2) }],
  ['a round without a run', { type: 'round.opened', round: 1, attempt: 1, base: null }],
  ['a selection for no round', { type: 'clients.selected', clientIds: [] }],
  ['a stranger in training', { type: 'training.started', clientId: stranger }],
  ['the update of a stranger', { type: 'update.accepted', receipt: receipt(stranger, 1), metrics: {}, staged: null }],
  ['the result of a stranger', { type: 'result.accepted', receipt: receipt(stranger, 1), metrics: {} }],
  ['the failure of a stranger', { type: 'training.failed', clientId: stranger, code: 'NOT_FINITE' }],
  ['the quorum of no round', { type: 'quorum.lowered', decision }],
  ['the end of no training', { type: 'clients.dismissed', reason: 'straggler' }],
  ['the commit of no round', { type: 'round.committed', model: model(1), record: null }],
  ['the evaluation of nothing', { type: 'round.evaluated', version: 1, record: null }],
  ['a judgement that nobody asked for', { type: 'model.judged', version: 1, metrics: {} }],
  ['an evaluation missed that was not due', { type: 'evaluation.missed', version: 1, by: 'clients', reason: 'x' }],
  ['the abandonment of no round', { type: 'round.abandoned', reason: 'quorumMissed', detail: 'x' }],
];

describe('a recorder', () => {
  let disk: MemoryDisk;
  let journal: Journal;
  let clock: SimulatedClock;
  let history: History;
  let recorder: Recorder;
  let clientId: string;
  let crashes: unknown[];
  let notes: string[];
  let told: string[];
  /** What the disk says to an append; null: it takes it. */
  let refusal: Error | null;
  let tries: number;

  const freshRegistry = () =>
    new ClientRegistry({ clientsMax: 100, heartbeatTimeoutMs: 1_000, random: seededRandom(1), nowMs: 0 });
  const historyIn = (registry: ClientRegistry) => new History(registryStates(registry, () => 0));
  const faceOfDisk = () => disk.faceFor(new AbortController().signal);

  function begin(more: Partial<RecorderDeps> = {}): void {
    recorder = new Recorder({
      ...{ history, clock, durability: 'update', syncsAnswers: false },
      journal: {
        ...journal,
        entries: () => journal.entries(),
        get seq() {
          return journal.seq;
        },
        get isSound() {
          return journal.isSound;
        },
        append(facts, atMs) {
          tries += 1;
          if (refusal) throw refusal;
          return journal.append(facts, atMs);
        },
        synced: () => journal.synced(),
        syncNow: () => journal.syncNow(),
        close: () => journal.close(),
      },
      onFatal: (error) => crashes.push(error),
      onCrash: (error) => crashes.push(error),
      onFact: ({ seq, fact }) => told.push(`${seq} ${fact.type}`),
      onNote: (sentence) => notes.push(sentence),
      ...more,
    });
  }

  /** What the next process finds. */
  async function factsOfNext(): Promise<string[]> {
    const next = await openFileJournal(faceOfDisk());
    const later = historyIn(freshRegistry());
    const types: string[] = [];
    for await (const entry of next.entries()) {
      later.apply(entry);
      types.push(entry.fact.type);
    }
    await next.close();
    return types;
  }

  beforeEach(async () => {
    disk = new MemoryDisk();
    journal = await openFileJournal(faceOfDisk());
    clock = new SimulatedClock();
    clock.set(1_000);
    [crashes, notes, told, refusal, tries] = [[], [], [], null, 0];
    const registry = freshRegistry();
    history = historyIn(registry);
    begin();
    clientId = registry.idOf(registry.register(0, {}));
    recorder.must({ type: 'client.registered', clientId });
  });

  it.each(impossible)('writes nothing of %s: it is an internal error, and the next process starts', async (_, fact) => {
    const before = [JSON.stringify(history.checkpoint()), new Map(disk.files), [...told]];
    for (const record of [() => recorder.must(fact), () => recorder.note(fact)]) {
      expect(record).toThrow(expect.objectContaining({ name: 'ChorusError', code: 'INTERNAL' }));
    }
    expect([JSON.stringify(history.checkpoint()), disk.files, told]).toEqual(before);
    expect(crashes).toMatchObject([{ name: 'HistoryBroken' }, { name: 'HistoryBroken' }]);
    recorder.note({ type: 'client.lost', clientId, reason: 'left' });
    await recorder.close();
    expect(await factsOfNext()).toEqual(['client.registered', 'client.lost']);
  });

  it('writes what is noted together in one append, but not what of it is impossible', async () => {
    const started = runStarted();
    const heard: string[] = [];
    tries = 0;
    expect(() =>
      recorder.together(() => {
        recorder.note(started);
        recorder.onceWritten(() => heard.push(`written up to ${journal.seq}`));
        recorder.note({ type: 'client.lost', clientId, reason: 'left' });
        expect(journal.seq).toBe(1);
        expect(heard).toEqual([]);
        recorder.note({ type: 'client.lost', clientId, reason: 'left' });
      }),
    ).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
    expect(tries).toBe(1);
    expect(heard).toEqual(['written up to 3']);
    expect(told).toEqual(['1 client.registered', '2 run.started', '3 client.lost']);
    await recorder.close();
    expect(await factsOfNext()).toEqual(['client.registered', 'run.started', 'client.lost']);
  });

  it('syncs what is noted before that is done which must not outlive it, when power is lost', () => {
    const heard: string[] = [];
    const syncNow = journal.syncNow.bind(journal);
    journal.syncNow = () => {
      heard.push('synced');
      syncNow();
    };
    recorder.together(() => {
      recorder.note({ type: 'client.lost', clientId, reason: 'left' });
      recorder.onceSynced(() => heard.push('removed'));
      expect(heard).toEqual([]);
    });
    expect(heard).toEqual(['synced', 'removed']);
  });

  it('leaves a disk alone that took nothing a moment ago, whatever happens meanwhile, and loses nothing of it', async () => {
    refusal = Object.assign(new Error('No space left'), { code: 'ENOSPC' });
    tries = 0;
    recorder.note(runStarted());
    for (let more = 0; more < 50; more += 1) recorder.note(runStarted());
    expect(() => recorder.must({ type: 'client.lost', clientId, reason: 'left' })).toThrow(
      expect.objectContaining({
        code: 'STORAGE_UNAVAILABLE',
        cause: refusal,
        message: expect.stringContaining('No space left'),
      }),
    );
    expect(tries).toBe(1);
    expect(notes).toHaveLength(1);
    clock.increment(1_000);
    expect(tries).toBe(2);
    refusal = null;
    clock.increment(1_000);
    expect(notes).toEqual([expect.stringMatching('cannot be written'), expect.stringMatching('nothing was lost')]);
    recorder.must({ type: 'client.lost', clientId, reason: 'left' });
    expect(journal.seq).toBe(53);
    expect(crashes).toEqual([]);
  });

  it('tries once more at the end to write what waits for the disk', async () => {
    refusal = Object.assign(new Error('No space left'), { code: 'ENOSPC' });
    recorder.note({ type: 'client.lost', clientId, reason: 'left' });
    refusal = null;
    await recorder.close();
    expect(await factsOfNext()).toEqual(['client.registered', 'client.lost']);
  });

  it('tells of an open round only that the run shall pause after it, when nothing else of it is to be on the disk', async () => {
    begin({ durability: 'round' });
    recorder.must(runStarted());
    recorder.note({ type: 'round.opened', round: 1, attempt: 1, base: null });
    const { run } = history;
    if (!run) throw new Error('There is no run');
    const { run: _, plan, startedAtMs, ...progress } = run;
    const round = { phase: 'training', target: 1, extensions: 0, sinceMs: 0, deadlineAtMs: 9_000 } as const;
    const at = { state: 'round', sinceMs: 0, deadlineAtMs: null, round } as const;
    recorder.note({ type: 'position', position: { ...at, run: progress } });
    expect(journal.seq).toBe(2);
    recorder.note({ type: 'position', position: { ...at, run: { ...progress, pauseRequested: true } } });
    expect(history.position.state).toBe('round');
    await recorder.close();
    const next = await openFileJournal(faceOfDisk());
    const later = historyIn(freshRegistry());
    for await (const entry of next.entries()) later.apply(entry);
    expect(later.position.state).toBe('opening');
    expect(later.run).toMatchObject({ pauseRequested: true, attempt: 1 });
    await next.close();
  });
});
