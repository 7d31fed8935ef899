import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ChorusClient, participate, type TrainingTask, tensor } from '../../src/client/index.ts';
import type { ChorusEvent } from '../../src/domain/handle.ts';
import { type Chorus, type ChorusOptions, createChorus } from '../../src/index.ts';
import { folderForTest } from '../support/folder.ts';
import { Collector } from './collector.ts';

const update = { tensors: { w: tensor([1, 2]) }, numExamples: 3 };

async function serve(options: ChorusOptions): Promise<{ chorus: Chorus; url: string }> {
  const chorus = await createChorus({ storage: 'memory', foldThreads: 1, ...options });
  onTestFinished(() => chorus.close({ graceMs: 0 }));
  const { coordinatorUrl: url } = await chorus.listen({ coordinator: 0, aggregator: 0 });
  return { chorus, url };
}

/** Two clients take part until the run is finished. */
const trainTogether = (url: string, train: (task: TrainingTask) => typeof update = () => update) =>
  Promise.all([1, 2].map(() => participate({ url, train })));

function happened({ handle }: Chorus, type: string): Promise<ChorusEvent> {
  return new Promise((resolve) => {
    const stop = handle.events.subscribe((event) => {
      if (event.type === type) {
        queueMicrotask(() => stop());
        resolve(event);
      }
    });
  });
}

/** A client that was selected and has its ticket. */
async function inTraining(url: string, identity?: { clientId: string; clientToken: string }) {
  const client = new ChorusClient({ url, ...(identity ? { identity } : {}) });
  if (!identity) await client.rendezvous();
  for (let beats = 0; (await client.heartbeat({ waitSeconds: 1 })).state !== 'selected'; beats += 1) {
    if (beats === 30) throw new Error('It was not selected');
  }
  const ticket = await client.startTraining();
  return { client, ticket };
}

const numberOf = async (url: string, metric: string): Promise<number> => {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${metric} `))
      ?.split(' ')
      .at(-1),
  );
};

describe('a round with a collector', () => {
  it('is one trace: the round, its attempt, its phases, and its clients with theirs', async () => {
    const collector = await Collector.start();
    const { url } = await serve({ plan: { rounds: 1, minClients: 2 }, otlpEndpoint: collector.url });
    const [one, two] = await trainTogether(url);
    const root = await collector.saw(({ name }) => name === 'round');
    const client = ['  client', '    client selected', '    client downloading', '    client training'];
    const [first, ...rest] = collector.treeOf(root);
    expect(first).toBe('round');
    expect(rest[0]).toBe('  attempt');
    expect([...rest.slice(1)].sort()).toEqual(
      [
        ...['    selecting', '    training', '    aggregating', '    committing'],
        ...[...client, '    client uploading', ...client, '    client uploading'].map((line) => `  ${line}`),
      ].sort(),
    );
    expect(new Set(collector.spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(root).toMatchObject({ parentSpanId: null, status: { code: 1 } });
    expect(root.attributes).toMatchObject({
      'chorus.round': 1,
      'chorus.outcome': 'committed',
      'chorus.model.version': 1,
    });
    const receipts = collector.named('client').map(({ events }) => events.find(({ name }) => name === 'receipt'));
    const sent = [one, two].flatMap((participation) => participation?.receipts ?? []);
    expect(receipts.map((event) => event?.attributes['chorus.receipt.sha256'])).toEqual(
      sent.map(({ sha256 }) => sha256),
    );
    expect(receipts.map((event) => event?.attributes['chorus.receipt.client.id']).sort()).toEqual(
      sent.map(({ clientId }) => clientId).sort(),
    );
    for (const { startMs, endMs } of collector.spans) expect(endMs).toBeGreaterThanOrEqual(startMs);
    for (const span of collector.spans.filter(({ name }) => name !== 'round')) {
      const parent = collector.spans.find(({ spanId }) => spanId === span.parentSpanId);
      expect(parent && span.startMs >= parent.startMs && span.endMs <= parent.endMs).toBe(true);
    }
    expect(collector.requests.every(({ url: path }) => path === '/v1/traces')).toBe(true);
  });

  it('gives clients the context of their own span, which they hand on with what they send', async () => {
    const collector = await Collector.start();
    const { url } = await serve({ plan: { rounds: 2, minClients: 1 }, otlpEndpoint: collector.url });
    const given: (string | null)[] = [];
    const sent: [string, string | null][] = [];
    await participate({
      url,
      train: ({ traceparent }) => {
        given.push(traceparent);
        return update;
      },
      fetch: (target, init) => {
        const headers = new Headers(init.headers);
        if (target.includes('/v1/rounds/')) sent.push([init.method ?? '', headers.get('traceparent')]);
        return fetch(target, init);
      },
    });
    await collector.saw(({ name, attributes }) => name === 'round' && attributes['chorus.round'] === 2);
    const spans = collector.named('client');
    expect(spans).toHaveLength(2);
    expect(given).toEqual(spans.map(({ traceId, spanId }) => `00-${traceId}-${spanId}-01`));
    expect(sent).toEqual(
      given.flatMap((one) => [
        ['GET', one],
        ['PUT', one],
      ]),
    );
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(2);
  });

  it('says why a client was lost, and what it was refused', async () => {
    const collector = await Collector.start();
    const plan = { rounds: 1, minClients: 2, quorum: 1, uploadAttemptsMax: 1 };
    const { chorus, url } = await serve({ plan, otlpEndpoint: collector.url });
    const good = new ChorusClient({ url });
    const bad = new ChorusClient({ url });
    await Promise.all([good.rendezvous(), bad.rendezvous()]);
    const [goodAtWork, badAtWork] = [
      await inTraining(url, good.identity ?? undefined),
      await inTraining(url, bad.identity ?? undefined),
    ];
    const notFinite = { tensors: { w: tensor([Number.NaN, 1]) }, numExamples: 1 };
    await expect(bad.upload(badAtWork.ticket, notFinite)).rejects.toMatchObject({ code: 'NOT_FINITE' });
    const committed = happened(chorus, 'round.committed');
    await good.upload(goodAtWork.ticket, update);
    await committed;
    await collector.saw(({ name }) => name === 'round');
    const lost = collector.named('client').find(({ attributes }) => attributes['chorus.client.outcome'] === 'lost');
    expect(lost?.attributes).toMatchObject({
      'chorus.client.id': bad.identity?.clientId,
      'chorus.client.reason': 'uploadsRefused',
      'error.type': 'NOT_FINITE',
    });
    expect(lost?.status).toEqual({ code: 2, message: 'uploadsRefused: NOT_FINITE' });
    expect(lost?.events).toMatchObject([{ name: 'update.refused', attributes: { code: 'NOT_FINITE' } }]);
    const [uploading, ...others] = collector.spans.filter(
      ({ parentSpanId, status }) => parentSpanId === lost?.spanId && status.code === 2,
    );
    expect(uploading?.name).toBe('client uploading');
    expect(others).toEqual([]);
    expect(collector.named('client').filter(({ status }) => status.code === 1)).toHaveLength(1);
  });

  it('says how far a client came that was lost', async () => {
    const collector = await Collector.start();
    const { chorus, url } = await serve({ plan: { rounds: 1, minClients: 3, quorum: 1 }, otlpEndpoint: collector.url });
    const all = [1, 2, 3].map(() => new ChorusClient({ url }));
    await Promise.all(all.map((client) => client.rendezvous()));
    const [, farId, nearId] = all.map(({ identity }) => identity?.clientId);
    const [good, far, near] = await Promise.all(all.map(({ identity }) => inTraining(url, identity ?? undefined)));
    if (!good || !far || !near) throw new Error('Three take part');
    await far.client.downloadModel(far.ticket);
    await far.client.leave();
    await near.client.leave();
    const committed = happened(chorus, 'round.committed');
    await good.client.upload(good.ticket, update);
    await committed;
    await collector.saw(({ name }) => name === 'round');
    const phasesOf = (id: string | undefined) =>
      collector.spans
        .filter(({ name, attributes }) => name.startsWith('client ') && attributes['chorus.client.id'] === id)
        .map(({ name, status }) => `${name} ${status.message ?? ''}`.trim());
    expect(phasesOf(farId)).toEqual(['client selected', 'client downloading', 'client training left']);
    expect(phasesOf(nearId)).toEqual(['client selected', 'client working left']);
  });

  it('keeps abandoned attempts in its trace, and ends it when the run is stopped', async () => {
    const collector = await Collector.start();
    const plan = { rounds: 1, minClients: 1, trainingWindowMs: 50 };
    const { chorus, url } = await serve({ plan, otlpEndpoint: collector.url });
    const again = happened(chorus, 'round.abandoned').then(() => happened(chorus, 'round.abandoned'));
    await new ChorusClient({ url }).rendezvous();
    await again;
    chorus.handle.stopRun();
    const root = await collector.saw(({ name }) => name === 'round');
    expect(root.status).toMatchObject({ code: 2 });
    const attempts = collector.named('attempt');
    expect(attempts.length).toBeGreaterThanOrEqual(2);
    expect(
      attempts.every(({ parentSpanId, traceId }) => parentSpanId === root.spanId && traceId === root.traceId),
    ).toBe(true);
    expect(attempts[0]?.attributes['chorus.reason']).toMatch(/^quorumMissed: /);
    expect(collector.named('client')[0]?.status).toEqual({ code: 2, message: 'roundAbandoned' });
  });

  it('has the evaluation of its model in it as well', async () => {
    const collector = await Collector.start();
    const plan = { rounds: 1, minClients: 1, evaluateEvery: 1 };
    const { url } = await serve({ plan, otlpEndpoint: collector.url });
    const given: (string | null)[] = [];
    await participate({
      url,
      train: () => update,
      evaluate: ({ traceparent }) => {
        given.push(traceparent);
        return { numExamples: 1, metrics: { accuracy: 0.5 } };
      },
    });
    const evaluation = await collector.saw(({ name }) => name === 'evaluation');
    const [round] = collector.named('round');
    expect(evaluation).toMatchObject({ traceId: round?.traceId, parentSpanId: round?.spanId, status: { code: 1 } });
    const client = await collector.saw(
      ({ name, parentSpanId }) => name === 'client' && parentSpanId === evaluation.spanId,
    );
    expect(given).toEqual([`00-${client.traceId}-${client.spanId}-01`]);
    expect(collector.treeOf(client)).toContain('  client evaluating');
  });

  it('has no token in it', async () => {
    const collector = await Collector.start();
    const { chorus, url } = await serve({ plan: { rounds: 1, minClients: 1 }, otlpEndpoint: collector.url });
    const { client, ticket } = await inTraining(url);
    await client.upload(ticket, update);
    await collector.saw(({ name }) => name === 'round');
    const secrets = [chorus.adminToken, ticket.trainingToken, client.identity?.clientToken ?? ''];
    for (const { body, headers } of collector.requests) {
      for (const secret of secrets) expect(`${body}${JSON.stringify(headers)}`).not.toContain(secret);
    }
  });
});

describe('a restart', () => {
  it('goes on with the trace: one attempt, with what was seen of it before and after', async () => {
    const collector = await Collector.start();
    const dir = folderForTest();
    const options = { plan: { rounds: 1, minClients: 2 }, storage: { dir }, otlpEndpoint: collector.url };
    const before = await serve(options);
    const clients = [new ChorusClient({ url: before.url }), new ChorusClient({ url: before.url })] as const;
    await Promise.all(clients.map((client) => client.rendezvous()));
    const [early, late] = [
      await inTraining(before.url, clients[0].identity ?? undefined),
      await inTraining(before.url, clients[1].identity ?? undefined),
    ];
    await early.client.upload(early.ticket, update);
    await before.chorus.close({ graceMs: 0 });
    expect(collector.spans).toEqual([]);

    const after = await serve(options);
    const again = new ChorusClient({
      url: after.url,
      identity: late.client.identity ?? { clientId: '', clientToken: '' },
    });
    const ticket = await again.startTraining();
    expect(ticket.traceparent).toBe(late.ticket.traceparent);
    await again.upload(ticket, update);
    const root = await collector.saw(({ name }) => name === 'round');
    const [attempt, ...others] = collector.named('attempt');
    expect(others).toEqual([]);
    expect(attempt?.events).toMatchObject([{ name: 'server.restarted' }]);
    expect(new Set(collector.spans.map(({ traceId }) => traceId))).toEqual(new Set([root.traceId]));
    const parents = [early.ticket, late.ticket].map(({ traceparent }) => traceparent?.split('-')[2]);
    expect(
      collector
        .named('client')
        .map(({ spanId }) => spanId)
        .sort(),
    ).toEqual(parents.sort());
  });
});

describe('a collector that is not there', () => {
  it('changes nothing but a number and a sentence', async () => {
    const closed = createServer();
    const port = await new Promise<number>((resolve) => {
      closed.listen(0, '127.0.0.1', () => resolve((closed.address() as { port: number }).port));
    });
    await new Promise((resolve) => closed.close(resolve));
    const notes: string[] = [];
    const { chorus, url } = await serve({
      plan: { rounds: 3, minClients: 2 },
      otlpEndpoint: `http://127.0.0.1:${port}`,
      onNote: (sentence) => notes.push(sentence),
    });
    await trainTogether(url);
    expect(chorus.handle.rounds().map(({ phase }) => phase)).toEqual(['committed', 'committed', 'committed']);
    await expect
      .poll(() => numberOf(url, 'chorus_trace_spans_total{outcome="failed"}'), { timeout: 20_000 })
      .toBeGreaterThan(0);
    expect(await numberOf(url, 'chorus_trace_spans_total{outcome="sent"}')).toBe(0);
    expect(notes).toEqual([expect.stringMatching(/^Traces cannot be delivered/)]);
  });

  it('holds up neither rounds nor the end when it takes requests and never answers', async () => {
    const silent = createServer(() => undefined);
    const port = await new Promise<number>((resolve) => {
      silent.listen(0, '127.0.0.1', () => resolve((silent.address() as { port: number }).port));
    });
    onTestFinished(() => void silent.close());
    const { chorus, url } = await serve({
      plan: { rounds: 2, minClients: 2 },
      otlpEndpoint: `http://127.0.0.1:${port}`,
    });
    await trainTogether(url);
    expect(chorus.handle.rounds()).toHaveLength(2);
    const beganAtMs = performance.now();
    await chorus.close({ graceMs: 0 });
    expect(performance.now() - beganAtMs).toBeLessThan(10_000);
  });

  it('is refused at once when it is no URL', async () => {
    await expect(createChorus({ storage: 'memory', otlpEndpoint: 'collector' })).rejects.toThrow(TypeError);
  });
});

describe('without a collector', () => {
  it('no ticket has a context, and no span is made', async () => {
    const { url } = await serve({ plan: { rounds: 1, minClients: 1 } });
    const { ticket } = await inTraining(url);
    expect(ticket).not.toHaveProperty('traceparent');
    for (const outcome of ['sent', 'failed', 'dropped']) {
      expect(await numberOf(url, `chorus_trace_spans_total{outcome="${outcome}"}`)).toBe(0);
    }
  });
});
