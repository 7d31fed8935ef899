import { describe, expect, it } from 'vitest';
import { SimulatedClock } from 'xstate';
import { backoffMs, mayPass, type RetryBounds, retry } from '../../src/client/backoff.ts';
import { ChorusHttpError, ChorusNetworkError, ServerUnavailableError } from '../../src/client/errors.ts';
import { failureOf } from './support/participant.ts';

const bounds: RetryBounds = { delayMsBase: 500, delayMsMax: 4_000, attemptsMax: 50, elapsedMsMax: 60_000 };
const refused = (status: number, retryAfterMs: number | null = null, code = 'X') =>
  new ChorusHttpError({ call: 'GET /', status, code, detail: 'd', remedy: '', retryAfterMs });
const cut = () => new ChorusNetworkError('unreachable', 'cut');

/** Fails as told, then goes well; time passes as soon as it is waited for. */
async function run(
  failures: Error[],
  options: { bounds?: Partial<RetryBounds>; untilMs?: number; random?: () => number } = {},
) {
  const clock = new SimulatedClock();
  const delaysMs: number[] = [];
  const left = [...failures];
  const { random = () => 0.5, untilMs } = options;
  const outcome = await retry(
    'call',
    async () => {
      const failure = left.shift();
      if (failure) throw failure;
      return 'went well';
    },
    {
      clock,
      random,
      bounds: { ...bounds, ...options.bounds },
      signal: new AbortController().signal,
      ...(untilMs === undefined ? {} : { untilMs }),
      onRetry: ({ delayMs }) => {
        delaysMs.push(delayMs);
        setImmediate(() => clock.increment(delayMs));
      },
    },
  ).catch((error: unknown) => error);
  return { outcome, delaysMs, elapsedMs: clock.now() };
}

describe('backoff', () => {
  it('doubles up to its bound, and is drawn from the whole range', () => {
    const ceilings = [1, 2, 3, 4, 5, 60].map((attempt) => backoffMs(attempt, bounds, () => 1));
    expect(ceilings).toEqual([500, 1_000, 2_000, 4_000, 4_000, 4_000]);
    expect(backoffMs(3, bounds, () => 0.25)).toBe(500);
  });

  it('never comes down to nothing', () => {
    expect(backoffMs(1, bounds, () => 0)).toBe(50);
  });
});

describe('retry', () => {
  it('tries again until it goes well', async () => {
    expect(await run([cut(), refused(503), refused(500)])).toEqual({
      outcome: 'went well',
      delaysMs: [250, 500, 1_000],
      elapsedMs: 1_750,
    });
  });

  it('comes back no sooner than Retry-After says, and a little spread', async () => {
    expect((await run([refused(503, 7_000)], { random: () => 0 })).delaysMs).toEqual([7_000]);
    expect((await run([refused(429, 7_000)])).delaysMs).toEqual([7_250]);
  });

  it('gives up at once when Retry-After points beyond its bounds', async () => {
    const { outcome, delaysMs } = await run([refused(503, 61_000)]);
    expect(outcome).toBeInstanceOf(ServerUnavailableError);
    expect(delaysMs).toEqual([]);
  });

  it('throws at once what time does not mend', async () => {
    const failure = refused(422);
    expect(await run([failure])).toEqual({ outcome: failure, delaysMs: [], elapsedMs: 0 });
  });

  it('gives up after its attempts, and after its time, with the last failure as cause', async () => {
    const failures = Array.from({ length: 200 }, cut);
    const byAttempts = await run(failures, { bounds: { attemptsMax: 3 } });
    expect(byAttempts.outcome).toMatchObject({ name: 'ServerUnavailableError', attempts: 3, cause: failures[2] });
    const byTime = await run(failures);
    expect(byTime.outcome).toBeInstanceOf(ServerUnavailableError);
    expect(byTime.elapsedMs).toBeGreaterThan(58_000);
    expect(byTime.elapsedMs).toBeLessThanOrEqual(60_000);
  });

  it('tries no more once it is of no use', async () => {
    const { outcome, elapsedMs } = await run(Array.from({ length: 200 }, cut), { untilMs: 3_000 });
    expect(outcome).toBeInstanceOf(ServerUnavailableError);
    expect(elapsedMs).toBeLessThanOrEqual(3_000);
  });

  it('uses the time up to then, rather than to give up since a delay would be too long', async () => {
    const { outcome, elapsedMs } = await run(Array.from({ length: 200 }, cut), { untilMs: 3_000, random: () => 0.9 });
    expect(outcome).toBeInstanceOf(ServerUnavailableError);
    expect(elapsedMs).toBeGreaterThan(2_900);
    expect(elapsedMs).toBeLessThanOrEqual(3_000);
  });

  it('does not try again, nor say that it will, once it is told to end', async () => {
    const aborter = new AbortController();
    const reason = new Error('enough');
    let retries = 0;
    const ended = retry(
      'call',
      async () => {
        aborter.abort(reason);
        throw cut();
      },
      {
        clock: new SimulatedClock(),
        random: () => 0.5,
        bounds,
        signal: aborter.signal,
        onRetry: () => {
          retries += 1;
        },
      },
    );
    expect(await failureOf(ended)).toBe(reason);
    expect(retries).toBe(0);
  });

  it('ends its wait when it is told to', async () => {
    const aborter = new AbortController();
    const reason = new Error('enough');
    const waiting = retry('call', () => Promise.reject(cut()), {
      clock: new SimulatedClock(),
      random: () => 0.5,
      bounds,
      signal: aborter.signal,
      onRetry: () => queueMicrotask(() => aborter.abort(reason)),
    });
    expect(await failureOf(waiting)).toBe(reason);
  });
});

it.each([
  [refused(408), true],
  [refused(429), true],
  [refused(500), true],
  [refused(503), true],
  [refused(409, null, 'UPLOAD_IN_PROGRESS'), true],
  [refused(400, null, 'PAYLOAD_TRUNCATED'), true],
  [cut(), true],
  [refused(429, null, 'DOWNLOADS_EXHAUSTED'), false],
  [refused(400), false],
  [refused(401), false],
  [refused(409), false],
  [refused(410), false],
  [refused(422), false],
  [new TypeError('a bug'), false],
])('%s may pass: %s', (error, passes) => {
  expect(mayPass(error)).toBe(passes);
});
