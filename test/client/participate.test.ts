import { afterEach, describe, expect, it, vi } from 'vitest';
import { encodeSafetensors, participate, RoundOver, type TrainingTask, tensor } from '../../src/client/index.ts';
import { failureOf, Participant, update } from './support/participant.ts';
import { closeAll, problem, run, ScriptedServer } from './support/scripted-server.ts';

afterEach(closeAll);

/** A server that selects its client for so many rounds, and says then that the run is finished. */
async function serverWith(rounds: number): Promise<ScriptedServer> {
  const server = await ScriptedServer.start();
  server.roundsLeft = rounds - 1;
  server.select(1);
  return server;
}

/** A `train` that ends when the test says so, or when its signal is aborted. */
function slowTrain() {
  const tasks: TrainingTask[] = [];
  const finish: (() => void)[] = [];
  const train = (task: TrainingTask) => {
    tasks.push(task);
    return new Promise<ReturnType<typeof update>>((resolve, reject) => {
      finish.push(() => resolve(update(task.round)));
      task.signal.addEventListener('abort', () => reject(task.signal.reason), { once: true });
    });
  };
  return { train, tasks, finish };
}

/** Until a heartbeat is under way that was sent while the client waited for its ticket. */
async function heldDuringTakeUp(server: ScriptedServer, client: Participant): Promise<void> {
  await server.until(() => server.of('training').length === 1);
  await client.pass(1_000);
  await server.until(() => server.of('heartbeat').length === 2);
  expect(server.of('heartbeat')[1]?.json).toEqual({ state: 'selected', round: 1 });
}

describe('taking part', () => {
  it('registers, trains each round it is selected for, and goes home when the run is finished', async () => {
    const server = await serverWith(2);
    const tasks: TrainingTask[] = [];
    const client = new Participant(server, {
      name: 'ward 7',
      train: (task) => {
        tasks.push(task);
        return update(task.round);
      },
    });
    const participation = await client.done;
    const receipt = (round: number) => ({ round, clientId: 'client-1', sha256: 'ab', numExamples: 1 });
    expect(participation).toEqual({
      clientId: 'client-1',
      run,
      receipts: [receipt(1), receipt(2)],
      rounds: {
        accepted: 2,
        evaluated: 0,
        evaluateFailed: 0,
        discarded: 0,
        refused: 0,
        trainFailed: 0,
        missed: 0,
        over: 0,
      },
    });
    const round = ['selected', 'downloaded', 'trained', 'uploaded'];
    expect(client.story).toEqual(['registered', ...round, ...round, 'finished']);
    expect(server.of('rendezvous')[0]?.json).toEqual({ name: 'ward 7' });
    expect(server.requests.at(-1)?.route).toBe('leave');
    expect(server.of('leave')).toHaveLength(1);
    expect(tasks.map((task) => task.signal.aborted)).toEqual([false, false]);
    // Two heartbeats a round: one that hears of the selection, one that hears of its end.
    expect(server.of('heartbeat').length).toBeLessThanOrEqual(5);
    expect(server.of('heartbeat').map(({ json }) => json?.state)).not.toContain('selected');
  });

  it('hands the model, its version and the hyperparameters to train', async () => {
    const server = await serverWith(1);
    server.ticket = { modelVersion: 4, hyperparameters: { epochs: 2, optimizer: 'sgd' } };
    server.next('model', { status: 200, bytes: encodeSafetensors({ w: tensor([1, 2]) }, { format: 'chorus' }) });
    const train = vi.fn((_: TrainingTask) => update(1));
    const client = new Participant(server, { train });
    await client.done;
    expect(train).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({
        run,
        round: 1,
        modelVersion: 4,
        tensors: { w: tensor([1, 2]) },
        hyperparameters: { epochs: 2, optimizer: 'sgd' },
        deadlineAtMs: 300_000,
        clientId: 'client-1',
      }),
    );
    expect(train.mock.calls[0]?.[0].metadata.format).toBe('chorus');
    expect(client.of('downloaded')).toEqual([
      { type: 'downloaded', round: 1, modelVersion: 4, bytes: expect.any(Number) },
    ]);
  });

  it('says so when the run has no model yet', async () => {
    const server = await serverWith(1);
    const train = vi.fn((_: TrainingTask) => update(1));
    const client = new Participant(server, { train });
    await client.done;
    expect(train.mock.calls[0]?.[0]).toMatchObject({ modelVersion: null, tensors: null, metadata: {} });
    expect(client.of('downloaded')[0]).toMatchObject({ modelVersion: null, bytes: 0 });
  });

  it('tells the deadline by this machine’s clock when the server’s is another', async () => {
    const server = await serverWith(1);
    const ticket = {
      run,
      round: 1,
      aggregatorUrl: server.url,
      trainingToken: 't',
      modelVersion: null,
      deadlineAtMs: 1_060_000,
    };
    server.next('training', () => {
      server.tell('training');
      return { status: 200, json: ticket, headers: { date: new Date(1_000_000).toUTCString() } };
    });
    const train = vi.fn((_: TrainingTask) => update(1));
    const client = new Participant(server, { train });
    await client.done;
    expect(train.mock.calls[0]?.[0].deadlineAtMs).toBe(60_000);
    expect(client.of('selected')[0]?.deadlineAtMs).toBe(60_000);
  });

  it('shows that it is there while it trains', async () => {
    const server = await serverWith(1);
    const { train, finish } = slowTrain();
    const client = new Participant(server, { train });
    await client.saw('downloaded');
    const known = { state: 'training', round: 1 };
    await server.until(() => server.of('heartbeat').some(({ json }) => json?.state === 'training'));
    expect(server.of('heartbeat').at(-1)).toMatchObject({ json: known, headers: { prefer: 'wait=20' } });
    finish[0]?.();
    expect((await client.done).receipts).toHaveLength(1);
  });

  it('stays for further runs when it is told to, and then ends by its signal', async () => {
    const server = await serverWith(1);
    const client = new Participant(server, { untilFinished: false });
    await client.saw('finished');
    server.select(1);
    await client.saw('uploaded', 2);
    client.aborter.abort();
    const { receipts, rounds } = await client.done;
    expect(receipts).toHaveLength(2);
    expect(rounds.accepted).toBe(2);
    expect(server.of('leave')).toHaveLength(1);
    // The scripted server counts both as one run, whose end is told once.
    expect(client.of('finished')).toHaveLength(1);
  });

  it('is not harmed by a listener that throws, at once or later', async () => {
    const server = await serverWith(1);
    let told = 0;
    const { receipts } = await participate({
      url: server.url,
      train: () => update(1),
      onProgress: () => {
        told += 1;
        if (told % 2 === 0) throw new Error('at once');
        return Promise.reject(new Error('later')) as unknown as undefined;
      },
    });
    expect(receipts).toHaveLength(1);
    expect(told).toBe(6);
  });

  it('refuses options that make no sense', async () => {
    const train = () => update(1);
    const url = 'http://127.0.0.1:9';
    expect(await failureOf(participate({ url, train: 'no' as unknown as typeof train }))).toBeInstanceOf(TypeError);
    expect(await failureOf(participate({ url: 'nowhere', train }))).toBeInstanceOf(TypeError);
    expect(await failureOf(participate({ url, train, waitSeconds: -1 }))).toBeInstanceOf(RangeError);
    expect(await failureOf(participate({ url, train, retry: { attemptsMax: 0 } }))).toBeInstanceOf(RangeError);
    expect(await failureOf(participate({ url, train, failedRoundsMax: 0 }))).toBeInstanceOf(RangeError);
  });
});

describe('a round that goes on without the client', () => {
  it('aborts its training, and the next one finds it ready', async () => {
    const server = await serverWith(2);
    const { train, tasks, finish } = slowTrain();
    const client = new Participant(server, { train });
    await client.saw('downloaded');
    server.tell('standby', 1);
    const over = await client.saw('roundOver');
    expect(over).toMatchObject({ round: 1, reason: expect.stringContaining('standby') });
    expect(tasks[0]?.signal.reason).toBeInstanceOf(RoundOver);
    server.roundsLeft = 0;
    server.select(2);
    await client.saw('downloaded', 2);
    finish[1]?.();
    const { receipts, rounds } = await client.done;
    expect(receipts.map(({ round }) => round)).toEqual([2]);
    expect(rounds).toMatchObject({ accepted: 1, over: 1, trainFailed: 0 });
  });

  it('may be the same round, tried again: the client is selected anew', async () => {
    const server = await serverWith(1);
    const { train, tasks, finish } = slowTrain();
    const client = new Participant(server, { train });
    await client.saw('downloaded');
    server.select(1);
    await client.saw('downloaded', 2);
    expect(tasks.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    finish[1]?.();
    expect((await client.done).receipts).toHaveLength(1);
  });

  it('does not train twice at once, even if train does not heed its signal', async () => {
    const server = await serverWith(1);
    let running = 0;
    const finish: (() => void)[] = [];
    const client = new Participant(server, {
      train: async () => {
        running += 1;
        expect(running).toBe(1);
        await new Promise<void>((resolve) => finish.push(resolve));
        running -= 1;
        return update(1);
      },
    });
    await client.saw('downloaded');
    server.select(2);
    await client.saw('roundOver');
    await client.pass(1_000);
    expect(finish).toHaveLength(1);
    finish[0]?.();
    await client.saw('downloaded', 2);
    expect(server.of('update')).toEqual([]);
    finish[1]?.();
    expect((await client.done).receipts.map(({ round }) => round)).toEqual([2]);
  });

  it('is left alone when another was selected before training could start', async () => {
    const server = await serverWith(1);
    server.next('training', () => {
      server.tell('standby');
      return problem('CLIENT_NOT_SELECTED');
    });
    const client = new Participant(server);
    await server.until(
      () => server.of('heartbeat').at(-1)?.json?.state === 'standby' && server.of('training').length > 0,
    );
    expect(client.story).toEqual(['registered']);
    server.select(2);
    expect((await client.done).receipts.map(({ round }) => round)).toEqual([2]);
  });

  it('is not taken to be over by an answer that is older than the ticket', async () => {
    const server = await serverWith(1);
    const { train, finish } = slowTrain();
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const beat = { state: 'selected', run, round: 1, retryAfterMs: 5_000 };
    server.next('heartbeat', { status: 200, json: beat }, async () => {
      await answered;
      return { status: 200, json: { ...beat, state: 'standby' } };
    });
    let admit = () => {};
    server.next('training', async () => {
      await new Promise<void>((resolve) => {
        admit = resolve;
      });
      return server.startTraining();
    });
    const client = new Participant(server, { train });
    await heldDuringTakeUp(server, client);
    admit();
    await client.saw('downloaded');
    answer();
    await server.until(() => server.of('heartbeat').length === 3);
    expect(client.of('roundOver')).toEqual([]);
    finish[0]?.();
    expect((await client.done).receipts).toHaveLength(1);
  });

  it('is not begun again by an answer that is older than its end', async () => {
    const server = await serverWith(2);
    const beat = { state: 'selected', run, round: 1, retryAfterMs: 5_000 };
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    server.next('heartbeat', { status: 200, json: beat }, async () => {
      await answered;
      return { status: 200, json: { ...beat, state: 'training' } };
    });
    let admit = () => {};
    server.next('training', async () => {
      await new Promise<void>((resolve) => {
        admit = resolve;
      });
      return server.startTraining();
    });
    const client = new Participant(server);
    await heldDuringTakeUp(server, client);
    admit();
    await client.saw('uploaded');
    answer();
    await client.done;
    expect(server.of('training')).toHaveLength(2);
    expect(client.of('uploaded').map(({ receipt }) => receipt.round)).toEqual([1, 2]);
  });

  it('is taken up although the answer with its ticket was lost', async () => {
    const server = await ScriptedServer.start();
    server.tell('training', 3);
    const client = new Participant(server);
    expect((await client.done).receipts.map(({ round }) => round)).toEqual([3]);
  });

  it('is taken up when the client is selected anew while it hears that it is not', async () => {
    const server = await serverWith(1);
    let refuse = () => {};
    server.next('training', async () => {
      await new Promise<void>((resolve) => {
        refuse = resolve;
      });
      return problem('CLIENT_NOT_SELECTED');
    });
    const client = new Participant(server);
    await heldDuringTakeUp(server, client);
    refuse();
    expect((await client.done).receipts).toHaveLength(1);
  });

  it('counts its update when the verdict comes later than the news of it', async () => {
    const server = await serverWith(1);
    let answer = () => {};
    server.next('update', async () => {
      // Settled, the client is told so at once; the answer to its upload is still on its way.
      server.tell('standby');
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return {
        status: 200,
        json: { verdict: 'accepted', receipt: { round: 1, clientId: 'client-1', sha256: 'cd', numExamples: 1 } },
      };
    });
    const client = new Participant(server);
    await server.until(() => server.of('update').length === 1);
    await server.until(
      () => server.of('heartbeat').length > 1 && server.of('heartbeat').at(-1)?.json?.state === 'standby',
    );
    server.tell('finished');
    await server.until(() => server.of('heartbeat').at(-1)?.json?.state === 'finished');
    answer();
    expect((await client.done).receipts).toMatchObject([{ sha256: 'cd' }]);
    expect(client.of('roundOver')).toEqual([]);
  });

  it('does not wait for ever for a verdict when it is selected anew', async () => {
    const server = await serverWith(1);
    server.next('update', 'hang');
    const client = new Participant(server);
    await client.saw('trained');
    await server.until(() => server.of('update').length === 1);
    server.select(2);
    while (client.of('missed').length === 0) await client.pass(100);
    expect(client.clock.now()).toBeGreaterThanOrEqual(5_000);
    expect(client.of('missed')).toMatchObject([{ round: 1, error: { name: 'VerdictMissed' } }]);
    const { receipts, rounds } = await client.done;
    expect(receipts.map(({ round }) => round)).toEqual([2]);
    expect(rounds).toMatchObject({ accepted: 1, missed: 1 });
  });
});

describe('an update', () => {
  it('is sent again, byte for byte, when the connection is lost before the answer', async () => {
    const server = await serverWith(1);
    server.next('update', 'cut', 'cut');
    const client = new Participant(server);
    expect((await client.done).receipts).toHaveLength(1);
    const [first, ...again] = server.of('update').map(({ body }) => body);
    expect(again).toHaveLength(2);
    for (const body of again) expect(body.equals(first ?? Buffer.alloc(0))).toBe(true);
    expect(client.of('retrying')).toMatchObject([
      { call: 'upload', attempt: 1, delayMs: 250 },
      { call: 'upload', attempt: 2, delayMs: 500 },
    ]);
  });

  it('is sent again when the server was full, as late as it asked for', async () => {
    const server = await serverWith(1);
    server.next('update', problem('STAGING_FULL', { 'retry-after': '3' }));
    const client = new Participant(server);
    expect((await client.done).receipts).toHaveLength(1);
    expect(client.of('retrying')).toMatchObject([{ delayMs: 3_250, reason: expect.stringContaining('STAGING_FULL') }]);
  });

  it('is not sent again after its deadline', async () => {
    const server = await serverWith(1);
    server.ticket = { deadlineAtMs: 2_000 };
    server.always('update', 'cut');
    const client = new Participant(server);
    const missed = await client.saw('missed');
    expect(missed).toMatchObject({ round: 1, inARow: 1, error: { name: 'ServerUnavailableError' } });
    expect(client.clock.now()).toBeLessThanOrEqual(2_000);
    expect(client.of('retrying').every(({ call }) => call === 'upload')).toBe(true);
    const sent = server.of('update').length;
    // The server hears that nothing comes any more.
    await server.until(() => server.of('rendezvous').length === 2);
    server.tell('finished');
    await client.done;
    expect(server.of('update')).toHaveLength(sent);
  });

  it('that is not needed any more is no failure', async () => {
    const server = await serverWith(1);
    server.next('update', () => {
      server.select(2);
      return problem('UPDATE_DISCARDED');
    });
    const client = new Participant(server);
    const { receipts, rounds } = await client.done;
    expect(client.of('discarded')).toEqual([{ type: 'discarded', round: 1, detail: 'because of UPDATE_DISCARDED' }]);
    expect(receipts.map(({ round }) => round)).toEqual([2]);
    expect(rounds).toMatchObject({ accepted: 1, discarded: 1 });
    expect(server.of('rendezvous')).toHaveLength(1);
  });

  it.each([
    'NOT_FINITE',
    'MODEL_MISMATCH',
    'PAYLOAD_TOO_LARGE',
    'UPDATE_CONFLICT',
    'UPLOAD_ATTEMPTS_EXHAUSTED',
  ] as const)('that is refused as %s is told, and not sent again', async (code) => {
    const server = await serverWith(1);
    server.next('update', problem(code));
    const client = new Participant(server);
    expect(await client.saw('refused')).toMatchObject({
      round: 1,
      code,
      detail: `because of ${code}`,
      remedy: expect.any(String),
    });
    await client.saw('refused');
    // Where the server may still wait for this client, it is told not to.
    const sitsOut = code !== 'UPDATE_CONFLICT' && code !== 'UPLOAD_ATTEMPTS_EXHAUSTED';
    if (sitsOut) await server.until(() => server.of('rendezvous').length === 2);
    server.select(2);
    const { rounds } = await client.done;
    expect(rounds).toMatchObject({ refused: 1, accepted: 1 });
    expect(server.of('update').map(({ path }) => path.split('/')[3])).toEqual(['1', '2']);
    expect(server.of('rendezvous')).toHaveLength(sitsOut ? 2 : 1);
  });

  it('reaches an aggregator that forgot the ticket, once the coordinator has told it again', async () => {
    const server = await serverWith(1);
    server.next('model', problem('TRAINING_TOKEN_INVALID'));
    server.next('update', problem('TRAINING_TOKEN_INVALID'));
    const client = new Participant(server);
    expect((await client.done).receipts).toHaveLength(1);
    expect(server.of('training')).toHaveLength(3);
  });

  it('does not go into a round with another model than it was trained on', async () => {
    const server = await serverWith(1);
    server.next('update', () => {
      server.ticket = { modelVersion: 9 };
      return problem('TRAINING_TOKEN_INVALID');
    });
    const client = new Participant(server);
    await client.saw('missed');
    expect(server.of('update')).toHaveLength(1);
  });
});

describe('a model', () => {
  it('is asked for again when the connection is lost', async () => {
    const server = await serverWith(1);
    server.next('model', 'cut', problem('AGGREGATOR_UNAVAILABLE', { 'retry-after': '1' }));
    const client = new Participant(server);
    expect((await client.done).receipts).toHaveLength(1);
    expect(client.of('retrying').map(({ call }) => call)).toEqual(['download', 'download']);
  });

  it('that is not to be had any more ends the round', async () => {
    const server = await serverWith(1);
    server.next('model', () => {
      server.select(2);
      return problem('UPDATE_DISCARDED');
    });
    server.next('model', problem('DOWNLOADS_EXHAUSTED'));
    const client = new Participant(server);
    expect(await client.saw('refused')).toMatchObject({ round: 2, code: 'DOWNLOADS_EXHAUSTED' });
    await server.until(() => server.of('rendezvous').length === 2);
    server.select(3);
    const { receipts } = await client.done;
    expect(client.of('discarded')).toHaveLength(1);
    expect(receipts.map(({ round }) => round)).toEqual([3]);
  });
});

describe('train', () => {
  it.each([
    ['throws', () => Promise.reject(new Error('no data today')), 'no data today'],
    [
      'throws at once',
      () => {
        throw new Error('no data today');
      },
      'no data today',
    ],
    ['returns nothing', () => undefined as never, 'train returned no update'],
    ['returns a weight that is none', () => ({ ...update(1), numExamples: 0 }), 'num_examples'],
    [
      'returns a tensor that does not fill its shape',
      () => ({ tensors: { w: { ...tensor([1]), shape: [2] } }, numExamples: 1 }),
      'its shape says 2',
    ],
  ])('that %s costs the client the round, and the server does not wait for it', async (_, fails, reason) => {
    const server = await serverWith(1);
    const train = vi
      .fn<() => never>()
      .mockImplementationOnce(fails as () => never)
      .mockReturnValue(update(1) as never);
    const client = new Participant(server, { train });
    const failed = await client.saw('trainFailed');
    expect(failed).toMatchObject({ round: 1, inARow: 1 });
    expect(String(failed.error)).toContain(reason);
    await server.until(() => server.of('rendezvous').length === 2);
    expect(server.of('rendezvous')[1]?.json).toMatchObject({ clientId: 'client-1' });
    server.select(2);
    const { receipts, rounds, clientId } = await client.done;
    expect(receipts.map(({ round }) => round)).toEqual([2]);
    expect(rounds).toMatchObject({ trainFailed: 1, accepted: 1 });
    expect(clientId).toBe('client-1');
  });

  it('that fails again and again ends it, with what it threw as cause', async () => {
    const server = await ScriptedServer.start();
    const cause = new Error('no data at all');
    const client = new Participant(server, { train: () => Promise.reject(cause) });
    for (let round = 1; round <= 5; round += 1) {
      server.select(round);
      await client.saw('trainFailed', round);
      if (round < 5) await server.until(() => server.of('rendezvous').length === round + 1);
    }
    expect(await failureOf(client.done)).toMatchObject({ name: 'TrainingFailedError', rounds: 5, cause });
    expect(client.of('trainFailed').map(({ inARow }) => inARow)).toEqual([1, 2, 3, 4, 5]);
    expect(server.requests.at(-1)?.route).toBe('leave');
  });

  it('that fails while the server cannot be told so is not begun again in that round', async () => {
    const server = await serverWith(1);
    const train = vi.fn<() => never>().mockImplementationOnce(() => {
      server.next('rendezvous', 'cut');
      throw new Error('no data today');
    });
    train.mockReturnValue(update(1) as never);
    const beat = { state: 'selected', run, round: 1, retryAfterMs: 5_000 };
    let release = () => {};
    server.next('heartbeat', { status: 200, json: beat }, async () => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return { status: 200, json: { ...beat, state: 'training' } };
    });
    const client = new Participant(server, { train });
    await client.saw('trainFailed');
    await server.until(() => server.of('rendezvous').length === 2 && server.of('heartbeat').length === 2);
    // As the server sees it, it stays in training; so say the held heartbeat at its end, and the one after it.
    await client.pass(20_000, 20_000);
    release();
    await server.until(() => server.of('heartbeat').length === 4);
    expect(server.standing).toEqual({ state: 'training', round: 1 });
    server.select(2);
    expect((await client.done).receipts.map(({ round }) => round)).toEqual([2]);
    expect(server.of('training')).toHaveLength(2);
  });

  it('that fails before and after a round that was over counts both', async () => {
    const server = await serverWith(1);
    const client = new Participant(server, {
      failedRoundsMax: 2,
      train: ({ round, signal }) =>
        new Promise((_, reject) => {
          if (round !== 2) reject(new Error('no data'));
          signal.addEventListener('abort', () => reject(signal.reason));
        }),
    });
    await client.saw('trainFailed');
    await server.until(() => server.of('rendezvous').length === 2);
    server.select(2);
    await client.saw('downloaded', 2);
    server.select(3);
    expect(await failureOf(client.done)).toMatchObject({ name: 'TrainingFailedError', rounds: 2 });
    expect(client.of('roundOver')).toHaveLength(1);
  });

  it('that fails now and then does not', async () => {
    const server = await ScriptedServer.start();
    const client = new Participant(server, {
      failedRoundsMax: 2,
      train: ({ round }) => {
        if (round % 2 === 1) throw new Error('an odd round');
        return update(round);
      },
    });
    server.roundsLeft = 100;
    server.select(1);
    for (let failures = 1; failures <= 4; failures += 1) {
      await client.saw('trainFailed', failures);
      await server.until(() => server.of('rendezvous').length === failures + 1);
      if (failures === 4) server.roundsLeft = 0;
      server.select(2 * failures);
    }
    expect((await client.done).rounds).toMatchObject({ accepted: 4, trainFailed: 4 });
  });
});
