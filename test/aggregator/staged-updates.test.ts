import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Aggregation } from '../../src/aggregator/service.ts';
import type { TrainingReport, Verdict } from '../../src/domain/aggregation.ts';
import { ChorusError } from '../../src/domain/errors.ts';
import { openFileUpdateStore } from '../../src/storage/file-update-store.ts';
import { openNodeDisk } from '../../src/storage/node-disk.ts';
import { decodeSafetensors } from '../../src/wire/safetensors.ts';
import { codeOf } from '../support/code-of.ts';
import { folderForTest } from '../support/folder.ts';
import { MemoryUpdateStore, systemError } from './support/memory-update-store.ts';
import {
  acceptingAll,
  credentialOf,
  modelOf,
  open,
  order,
  serviceWith,
  settle,
  updateOf,
  upload,
} from './support/service.ts';

const weightOf = (bytes: Uint8Array) => decodeSafetensors(bytes).tensors.w?.data[0];

/** A disk whose writes and reads wait until they may go on. */
function heldStore(): { store: MemoryUpdateStore; proceed: () => void } {
  const store = new MemoryUpdateStore();
  let proceed: () => void = () => undefined;
  store.delay = new Promise<void>((resolve) => {
    proceed = resolve;
  });
  return { store, proceed: () => proceed() };
}

/** A coordinator that answers when the test says so. */
function heldCoordinator() {
  const asked: { report: TrainingReport; answer: (verdict: Verdict) => void }[] = [];
  const endTraining = (report: TrainingReport) =>
    new Promise<Verdict>((answer) => {
      asked.push({ report, answer });
    });
  return { asked, endTraining };
}

const refusalOf = (act: Promise<unknown>): Promise<unknown> => act.catch((error: unknown) => error);
const diskIsFull = { code: 'STORAGE_UNAVAILABLE', message: 'The update cannot be kept: ENOSPC', retryAfterMs: 5_000 };

describe('an update that is accepted', () => {
  it('is on the disk before the coordinator is asked, which is told where', async () => {
    const store = new MemoryUpdateStore();
    const places: unknown[] = [];
    const service = serviceWith(
      {
        endTraining: ({ outcome }) => {
          const place = outcome.kind === 'valid' ? outcome.staged : null;
          places.push(place);
          expect(store.staged.get(place?.at ?? -1)).toEqual(updateOf(places.length));
          return { kind: 'accepted' };
        },
      },
      { updates: store },
    );
    await open(service, ['a', 'b']);
    await upload(service, 'a', 1);
    await upload(service, 'b', 2);
    const bytes = updateOf(1).byteLength;
    expect(places).toEqual([
      { at: 0, bytes },
      { at: bytes, bytes },
    ]);
  });

  it('is in memory only where nothing is staged, and the coordinator is told so', async () => {
    const reports: TrainingReport[] = [];
    const service = serviceWith({
      endTraining: (report) => {
        reports.push(report);
        return { kind: 'accepted' };
      },
    });
    await open(service, ['a']);
    await upload(service, 'a', 1);
    expect(reports).toMatchObject([{ outcome: { staged: null } }]);
    expect(await service.releaseUpdates()).toEqual({ kind: 'ok', value: null });
  });

  it('was written beside those of other clients, and once when it came twice', async () => {
    const { store, proceed } = heldStore();
    const service = serviceWith({}, { updates: store });
    await open(service, ['a', 'b', 'c']);
    const uploads = ['a', 'b', 'c', 'a'].map((client) => upload(service, client, 2));
    await settle();
    expect(store.puts).toBe(3);
    proceed();
    const receipts = await Promise.all(uploads);
    expect(receipts[3]).toEqual(receipts[0]);
    expect(store.puts).toBe(3);
  });
});

describe('an update that is not wanted', () => {
  it('is not written to the disk when that is known before', async () => {
    const store = new MemoryUpdateStore();
    const service = serviceWith({}, { updates: store });
    await open(service, ['a', 'b', 'c']);
    await upload(service, 'a', 1);
    expect(await codeOf(() => upload(service, 'a', 2))).toBe('UPDATE_CONFLICT');
    expect(await codeOf(() => upload(service, 'b', Number.NaN))).toBe('NOT_FINITE');
    const bytes = updateOf(3);
    const about = { clientId: 'c', round: 1, trainingToken: 'c-1-1', contentLength: bytes.byteLength };
    const taken = service.beginUpload(about);
    await taken.ready();
    taken.write(bytes);
    const ended = codeOf(() => taken.finish());
    await service.revoke('c');
    expect(await ended).toBe('UPDATE_DISCARDED');
    expect(store.puts).toBe(1);
  });

  it('any more once it is written is not asked for', async () => {
    const { store, proceed } = heldStore();
    const { asked, endTraining } = heldCoordinator();
    const service = serviceWith({ endTraining }, { updates: store });
    await open(service, ['a', 'b']);
    const uploads = ['a', 'b'].map((client) => codeOf(() => upload(service, client, 1)));
    await settle();
    const abandoned = service.abandonRound();
    proceed();
    expect(await Promise.all(uploads)).toEqual(['UPDATE_DISCARDED', 'UPDATE_DISCARDED']);
    await abandoned;
    expect(asked).toEqual([]);
    expect(service.stats()).toMatchObject({ stagedBytes: 0, uploadsInFlight: 0 });
  });
});

describe('a disk that takes nothing', () => {
  it('has the client told to come again, and costs it no attempt', async () => {
    const store = new MemoryUpdateStore();
    const reports: TrainingReport[] = [];
    const refused: string[] = [];
    const service = serviceWith(
      {
        endTraining: (report) => {
          reports.push(report);
          return { kind: 'accepted' };
        },
        uploadRefused: ({ code }) => refused.push(code),
      },
      { updates: store },
    );
    await open(service, ['a', 'b'], { uploadAttemptsMax: 1 });
    await upload(service, 'b', 3);
    store.failure = systemError('ENOSPC');
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const refusal = await refusalOf(upload(service, 'a', 1));
      expect(refusal).toBeInstanceOf(ChorusError);
      expect(refusal).toMatchObject(diskIsFull);
    }
    expect([reports.length, refused]).toEqual([1, []]);
    store.failure = null;
    await upload(service, 'a', 1);
    expect(weightOf(await modelOf(service, ['a', 'b']))).toBe(2);
    expect(service.stats().stagedBytes).toBe(0);
  });

  it('opens no round, until it takes something again', async () => {
    const store = new MemoryUpdateStore();
    const service = serviceWith({}, { updates: store });
    store.failure = systemError('EROFS');
    expect(await service.openRound(order, null)).toMatchObject({
      ...{ kind: 'refused', code: 'STORAGE_UNAVAILABLE', retryAfterMs: 5_000 },
      detail: 'The round cannot be opened: EROFS',
    });
    expect(await service.closeRound({ round: 1, attempt: 1, contributions: [] })).toMatchObject({ kind: 'refused' });
    store.failure = null;
    await open(service, ['a']);
    await upload(service, 'a', 5);
    expect(weightOf(await modelOf(service, ['a']))).toBe(5);
  });
});

describe('a coordinator', () => {
  it('that cannot record an update has the client told so; it may come again, and is written only once', async () => {
    const store = new MemoryUpdateStore();
    const full: Verdict = { kind: 'refused', code: 'STORAGE_UNAVAILABLE', detail: 'No room', retryAfterMs: 5_000 };
    let verdict: Verdict = full;
    const service = serviceWith({ endTraining: () => verdict }, { updates: store });
    await open(service, ['a', 'b'], { uploadAttemptsMax: 1 });
    const refusal = await refusalOf(upload(service, 'a', 1));
    expect(refusal).toMatchObject({ code: 'STORAGE_UNAVAILABLE', message: 'No room', retryAfterMs: 5_000 });
    expect(await codeOf(() => upload(service, 'a', 1))).toBe('STORAGE_UNAVAILABLE');
    expect(store.puts).toBe(1);
    verdict = { kind: 'accepted' };
    await upload(service, 'b', 7);
    expect(weightOf(await modelOf(service, ['b']))).toBe(7);
    await open(service, ['a'], { attempt: 2 });
    verdict = full;
    expect(await codeOf(() => upload(service, 'a', 1, { attempt: 2 }))).toBe('STORAGE_UNAVAILABLE');
    verdict = { kind: 'accepted' };
    expect(await upload(service, 'a', 4, { attempt: 2 })).toMatchObject({ clientId: 'a' });
    expect(store.puts).toBe(4);
    expect(weightOf(await modelOf(service, ['a'], { attempt: 2 }))).toBe(4);
  });

  it('that fails gets no second question about the client', async () => {
    let questions = 0;
    const service = serviceWith({
      endTraining: () => {
        questions += 1;
        throw new Error('It broke');
      },
    });
    await open(service, ['a']);
    const both = await Promise.all([codeOf(() => upload(service, 'a', 1)), codeOf(() => upload(service, 'a', 1))]);
    expect(both).toEqual(['Error: It broke', 'UPDATE_DISCARDED']);
    expect(questions).toBe(1);
  });

  it('is asked for the next update while it thinks about one, and they are summed in the order of asking', async () => {
    // In float64, 2^60 swallows what comes after it one by one, but not what came before it together.
    const values: Record<string, number> = { a: 2 ** 60, b: 100, c: 100, d: -(2 ** 60) };
    const { asked, endTraining } = heldCoordinator();
    const service = serviceWith({ endTraining });
    await open(service, ['z', ...Object.keys(values)]);
    const first = upload(service, 'z', 0);
    const uploads = Object.entries(values).map(([client, value]) => upload(service, client, value));
    await settle();
    // Nobody knows the schema before the first is accepted.
    expect(asked.map(({ report }) => report.clientId)).toEqual(['z']);
    asked[0]?.answer({ kind: 'accepted' });
    await first;
    await settle();
    expect(asked.map(({ report }) => report.clientId)).toEqual(['z', 'a', 'b', 'c', 'd']);
    for (const { answer } of asked.slice(1).reverse()) {
      answer({ kind: 'accepted' });
      await settle();
    }
    await Promise.all(uploads);
    expect(weightOf(await modelOf(service, ['z', 'a', 'b', 'c', 'd']))).toBe(0);
  });
});

describe('the file of staged updates', () => {
  /** A service that stages in a folder of its own. */
  async function inFolder({ keep }: { keep: boolean }) {
    const dir = folderForTest();
    const updates = await openFileUpdateStore(openNodeDisk(dir), { fsync: 'always', keep });
    const { callbacks, contributions } = acceptingAll();
    const service = serviceWith(callbacks, { updates });
    onTestFinished(async () => void (await service.close()));
    await open(service, ['a']);
    await upload(service, 'a', 1);
    const files = async () => ({
      staged: await readdir(join(dir, 'staged')),
      kept: await readdir(join(dir, 'updates')),
    });
    return { service, contributions, files, dir };
  }

  const commit = async (service: Aggregation) => {
    await modelOf(service, ['a']);
    await service.releaseUpdates();
    await service.releaseUpdates();
  };

  it('is there until the round is committed, and then removed, or kept', async () => {
    const { service, files } = await inFolder({ keep: false });
    expect(await files()).toEqual({ staged: ['run-1-1.updates'], kept: [] });
    await modelOf(service, ['a']);
    expect(await files()).toEqual({ staged: ['run-1-1.updates'], kept: [] });
    await service.releaseUpdates();
    expect(await files()).toEqual({ staged: [], kept: [] });

    const keeping = await inFolder({ keep: true });
    await commit(keeping.service);
    expect(await keeping.files()).toEqual({ staged: [], kept: ['run-1-1.updates'] });
    await open(keeping.service, ['a'], { round: 2 });
    expect((await keeping.files()).kept.sort()).toEqual(['run-1-1.updates', 'run-2-1.updates']);
  });

  it.each([false, true])(
    'is removed when the round is abandoned, also after its sum was made (keep: %s)',
    async (keep) => {
      const first = await inFolder({ keep });
      await first.service.abandonRound();
      expect(await first.files()).toEqual({ staged: [], kept: [] });
      const second = await inFolder({ keep });
      await modelOf(second.service, ['a']);
      await second.service.abandonRound();
      expect(await second.files()).toEqual({ staged: [], kept: [] });
    },
  );

  it('stays when the server closes, and is not the one that a late commit of an earlier round removes', async () => {
    const { service, files } = await inFolder({ keep: false });
    await modelOf(service, ['a']);
    await open(service, ['a'], { round: 2 });
    await service.releaseUpdates();
    await upload(service, 'a', 2, { round: 2 });
    await service.close();
    expect(await files()).toEqual({ staged: ['run-2-1.updates'], kept: [] });
  });

  it('is read by the next server', async () => {
    const { service, contributions, dir } = await inFolder({ keep: false });
    const model = await modelOf(service, ['a']);
    await service.close();
    const updates = await openFileUpdateStore(openNodeDisk(dir), { fsync: 'commit', keep: false });
    const next = serviceWith({}, { updates });
    onTestFinished(async () => void (await next.close()));
    const recovered = { credentials: [credentialOf('a')], contributions };
    expect(await next.openRound(order, recovered)).toMatchObject({ kind: 'ok' });
    expect(await modelOf(next, ['a'])).toEqual(model);
  });
});
