import { describe, expect, it } from 'vitest';
import type { TrainingReport, Verdict } from '../../src/domain/aggregation.ts';
import { decodeSafetensors } from '../../src/wire/safetensors.ts';
import { codeOf } from '../support/code-of.ts';
import { credentialOf, modelOf, open, order, serviceWith, settle, upload } from './support/service.ts';

describe('the aggregator service', () => {
  it('sums what the coordinator accepted and nothing else', async () => {
    const verdicts: Record<string, Verdict> = { c: { kind: 'discarded', detail: 'not needed' } };
    const service = serviceWith({ endTraining: ({ clientId }) => verdicts[clientId] ?? { kind: 'accepted' } });
    await open(service, ['a', 'b', 'c']);
    await upload(service, 'a', 1);
    await upload(service, 'b', 3);
    expect(await codeOf(() => upload(service, 'c', 100))).toBe('UPDATE_DISCARDED');
    const bytes = await modelOf(service, ['a', 'b']);
    expect(decodeSafetensors(bytes).tensors.w?.data).toEqual(Float32Array.of(2));
    expect(service.stats()).toMatchObject({ stagedBytes: 0, uploadsInFlight: 0 });
  });

  it('refuses to close a round with other contributions than it has, or another attempt', async () => {
    const service = serviceWith();
    await open(service, ['a', 'b']);
    await upload(service, 'a', 1);
    for (const request of [
      { round: 1, attempt: 2, contributions: ['a'] },
      { round: 2, attempt: 1, contributions: ['a'] },
      { round: 1, attempt: 1, contributions: ['a', 'b'] },
      { round: 1, attempt: 1, contributions: [] },
    ]) {
      expect(await service.closeRound(request)).toMatchObject({ kind: 'refused' });
    }
  });

  it('counts in no sum what is accepted for a round that was given up meanwhile', async () => {
    const asked: { report: TrainingReport; answer: (verdict: Verdict) => void }[] = [];
    const service = serviceWith({
      endTraining: (report) => new Promise((answer) => asked.push({ report, answer })),
    });
    await open(service, ['a']);
    const late = codeOf(() => upload(service, 'a', 7));
    while (asked.length === 0) await settle();
    await service.abandonRound();
    await open(service, ['a', 'b'], { attempt: 2 });
    asked.shift()?.answer({ kind: 'accepted' });
    expect(await late).toBe('UPDATE_DISCARDED');

    const again = upload(service, 'a', 1, { attempt: 2 });
    const other = upload(service, 'b', 2, { attempt: 2 });
    for (let accepted = 0; accepted < 2; accepted += 1) {
      while (asked.length === 0) await settle();
      asked.shift()?.answer({ kind: 'accepted' });
    }
    await Promise.all([again, other]);
    const bytes = await modelOf(service, ['a', 'b'], { attempt: 2 });
    expect(decodeSafetensors(bytes).tensors.w?.data).toEqual(Float32Array.of(1.5));
    expect(service.stats().stagedBytes).toBe(0);
  });

  it('asks the coordinator once for an update that comes twice at once, and tells both the same', async () => {
    const reports: TrainingReport[] = [];
    const service = serviceWith({
      endTraining: (report) => {
        reports.push(report);
        return { kind: 'accepted' };
      },
    });
    await open(service, ['a', 'b']);
    const [first, second] = await Promise.all([upload(service, 'a', 5), upload(service, 'a', 5)]);
    expect(second).toEqual(first);
    expect(reports).toHaveLength(1);
    expect(await upload(service, 'a', 5)).toEqual(first);
    expect(await codeOf(() => upload(service, 'a', 6))).toBe('UPDATE_CONFLICT');
  });

  it('tells the coordinator of the last refusal a client may have, and takes nothing more from it', async () => {
    const reports: TrainingReport[] = [];
    const refusals: string[] = [];
    const service = serviceWith({
      endTraining: (report) => {
        reports.push(report);
        return { kind: 'discarded', detail: 'refused' };
      },
      uploadRefused: ({ code }) => refusals.push(code),
    });
    await open(service, ['a'], { uploadAttemptsMax: 2 });
    expect(await codeOf(() => upload(service, 'a', Number.NaN))).toBe('NOT_FINITE');
    expect(reports).toEqual([]);
    expect(await codeOf(() => upload(service, 'a', Number.POSITIVE_INFINITY))).toBe('NOT_FINITE');
    expect(reports).toMatchObject([{ clientId: 'a', outcome: { kind: 'failed', code: 'NOT_FINITE' } }]);
    expect(refusals).toEqual(['NOT_FINITE', 'NOT_FINITE']);
    expect(await codeOf(() => upload(service, 'a', 1))).toBe('UPLOAD_ATTEMPTS_EXHAUSTED');
  });

  it('admits nobody to a round that is not open, and ends an upload whose client is revoked', async () => {
    const service = serviceWith();
    const credential = { clientId: 'a', round: 1, attempt: 1, trainingToken: 'token' };
    expect(await service.admit(credential)).toMatchObject({ kind: 'refused', code: 'UPDATE_DISCARDED' });
    await open(service, ['a'], { attempt: 2 });
    expect(await service.admit(credential)).toMatchObject({ kind: 'refused', code: 'UPDATE_DISCARDED' });
    const taken = service.beginUpload({ clientId: 'a', round: 1, trainingToken: 'a-1-2', contentLength: 50 });
    await taken.ready();
    await service.revoke('a');
    expect(taken.signal.aborted).toBe(true);
    expect(await codeOf(() => taken.write(new Uint8Array(10)))).toBe('UPDATE_DISCARDED');
    taken.abort();
    expect(service.stats()).toMatchObject({ stagedBytes: 0, uploadsInFlight: 0 });
  });

  it('tells a client that trains on to come back, until its next round is open, and any other that its round is over', async () => {
    const service = serviceWith();
    const carried = credentialOf('a');
    await service.recall([{ ...carried, goesOn: true }, credentialOf('b')], order.payloadBytesMax);
    expect(await codeOf(() => upload(service, 'a', 1))).toBe('AGGREGATOR_UNAVAILABLE');
    expect(await codeOf(() => upload(service, 'b', 1))).toBe('UPDATE_DISCARDED');
    await service.openRound({ ...order, round: 2 }, { credentials: [carried], contributions: [] });
    await upload(service, 'a', 1);
  });

  it('drains when the uploads under way are over, or when its grace is', async () => {
    const service = serviceWith();
    await open(service, ['a', 'b']);
    const taken = service.beginUpload({ clientId: 'a', round: 1, trainingToken: 'a-1-1', contentLength: 50 });
    const draining = service.drain(60_000);
    expect(await codeOf(() => upload(service, 'b', 1))).toBe('SHUTTING_DOWN');
    taken.abort();
    expect(await draining).toMatchObject({ kind: 'ok' });
    expect(await service.drain(60_000)).toMatchObject({ kind: 'ok' });
  });
});
