import { beforeEach, describe, expect, it } from 'vitest';
import { TestChorus } from '../../src/testing/index.ts';
import { faultyDisk } from '../storage/support/faulty-disk.ts';
import { PowerDisk } from '../storage/support/power-disk.ts';
import { until } from '../support/until.ts';

const refused = expect.objectContaining({ code: 'STORAGE_UNAVAILABLE' });
const trouble = 'the data folder cannot be written to (ENOSPC)';

describe('a full disk', () => {
  let isFull: boolean;
  let test: TestChorus;
  const waitingFor = () => test.handle.status().waitingFor.summary;

  beforeEach(async () => {
    isFull = false;
    const disk = faultyDisk(new PowerDisk(), ({ kind, path }) =>
      isFull && kind === 'writeNow' && path.startsWith('journal/') ? { code: 'ENOSPC' } : null,
    );
    test = await TestChorus.create({ plan: { rounds: 2, minClients: 3 }, storage: { disk } });
    await until(() => expect(test.handle.status().phase).toBe('selecting'));
    isFull = true;
  });

  it('is named by the answer to "why is it waiting", until it takes what it is given', async () => {
    expect(waitingFor()).not.toContain(trouble);
    expect(() => test.handle.rendezvous()).toThrow(refused);
    expect(waitingFor()).toContain(`; ${trouble}, so whoever registers, starts or uploads is told to come back; at `);
    isFull = false;
    await test.advance(1_000);
    test.handle.rendezvous();
    expect(waitingFor()).not.toContain(trouble);
  });

  it('is not named any more when nobody has tried it for a while', async () => {
    expect(() => test.handle.rendezvous()).toThrow(refused);
    await test.advance(5_000);
    expect(waitingFor()).not.toContain(trouble);
  });

  it('keeps an operator from what the next process would not know of, and does none of it', async () => {
    await test.advance(60_000);
    expect(test.handle.status().phase).toBe('gathering');
    expect(waitingFor()).toContain(trouble);
    for (const act of [() => test.handle.pauseRun(), () => test.handle.stopRun()]) expect(act).toThrow(refused);
    expect(test.handle.status().runState).toBe('running');
    const done = () => test.handle.audit().entries.map(({ operation }) => operation);
    expect(done()).toEqual(['start']);
    isFull = false;
    await test.advance(1_000);
    expect(test.handle.pauseRun().runState).toBe('paused');
    expect(done()).toEqual(['pause', 'start']);
    expect(test.crashes).toEqual([]);
  });
});
