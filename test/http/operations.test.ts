import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorCatalogue } from '../../src/domain/errors.ts';
import { call, eventually, expectProblem } from './calls.ts';
import { RawConnection } from './raw-connection.ts';
import { TestServer } from './test-server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await TestServer.start({ plan: { rounds: 2, minClients: 1, heartbeatTimeoutMs: 600_000 } });
  const client = await server.join();
  await client.contribute([1]);
  await server.model(1);
  await client.wait(0);
  await client.beat();
});
afterAll(() => server.close());

const services = [
  ['coordinator', () => server.coordinatorUrl],
  ['aggregator', () => server.aggregatorUrl],
] as const;

/** A line of Prometheus' text format: a name, labels, a number. */
const sample =
  /^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-zA-Z_][a-zA-Z0-9_]*="([^"\\\n]|\\["\\n])*",?)*\})? (-?\d+(\.\d+)?(e[+-]?\d+)?|NaN|[+-]Inf)( \d+)?$/;

describe.each(services)('the numbers of the %s', (_, url) => {
  it('are in Prometheus’ format, each with its help and type, and ours are called chorus_…', async () => {
    const { status, headers, text } = await call('GET', `${url()}/metrics`);
    expect(status).toBe(200);
    expect(headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const described = new Map<string, Set<string>>();
    const names = new Set<string>();
    for (const line of text
      .trimEnd()
      .split('\n')
      .filter((one) => one !== '')) {
      const [, kind, name = ''] = /^# (HELP|TYPE) (\S+) \S/.exec(line) ?? [];
      if (kind) described.set(name, (described.get(name) ?? new Set()).add(kind));
      else {
        expect(line).toMatch(sample);
        names.add(line.replace(/[{ ].*$/, '').replace(/_(bucket|sum|count)$/, ''));
      }
    }
    for (const name of names) {
      expect([name, described.get(name)?.size]).toEqual([name, 2]);
      expect(name).toMatch(/^(chorus|process|nodejs)_/);
    }
  });
});

describe('the numbers', () => {
  it('are those of the protocol', async () => {
    const { text } = await server.ask('GET', '/metrics');
    for (const line of [
      'chorus_population 1',
      'chorus_round 2',
      'chorus_model_version 1',
      'chorus_long_polls_held 0',
      'chorus_registrations_total 1',
      'chorus_rounds_committed_total 1',
      'chorus_rounds_abandoned_total 0',
      'chorus_aggregator_restarts_total 0',
      'chorus_clients{state="selected"} 1',
      'chorus_clients{state="training"} 0',
      'chorus_phase{phase="training"} 1',
      'chorus_updates_total{verdict="accepted"} 1',
      'chorus_updates_total{verdict="refused"} 0',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });

  it('are those of the data path', async () => {
    const { text } = await server.askAggregator('GET', '/metrics');
    const lines = text.split('\n');
    for (const line of ['chorus_uploads_in_flight 0', 'chorus_staged_bytes 0']) expect(lines).toContain(line);
    expect(await server.metric('chorus_update_bytes_received_total')).toBeGreaterThan(50);
  });

  it('time the calls that are answered at once, and not those that are held', async () => {
    const { text } = await server.ask('GET', '/metrics');
    const labels = 'method="POST",route="/v1/clients/:clientId/heartbeat",status="200"';
    expect(text).toContain(`chorus_http_request_duration_seconds_count{${labels}} 1\n`);
  });
});

describe.each(services)('the health of the %s', (_, url) => {
  it('is said without a token', async () => {
    for (const path of ['/healthz', '/readyz']) {
      expect(await call('GET', url() + path)).toMatchObject({ status: 200, json: { status: 'ok' } });
    }
  });
});

describe.each(services)('the description of the %s', (_, url) => {
  // biome-ignore lint/suspicious/noExplicitAny: a document to look into
  let document: any;
  beforeAll(async () => {
    const answer = await call('GET', `${url()}/openapi.json`);
    expect(answer.status).toBe(200);
    document = answer.json;
  });
  const operations = () =>
    Object.entries(document.paths as object).flatMap(([path, methods]) =>
      // biome-ignore lint/suspicious/noExplicitAny: a document to look into
      Object.entries(methods as Record<string, any>).map(([method, operation]) => ({ path, method, operation })),
    );

  it('is OpenAPI: each operation has a summary and answers, and names only tokens and parameters that are described', () => {
    expect(document.openapi).toMatch(/^3\.1\./);
    expect(document.info).toMatchObject({ title: expect.stringMatching(/^Chorus/), version: expect.any(String) });
    const schemes = Object.keys(document.components.securitySchemes);
    expect(schemes.length).toBeGreaterThan(0);
    for (const scheme of schemes) {
      expect(document.components.securitySchemes[scheme]).toMatchObject({ type: 'http', scheme: 'bearer' });
    }
    const used = new Set<string>();
    for (const { path, method, operation } of operations()) {
      const name = `${method} ${path}`;
      expect([name, operation.summary]).toEqual([name, expect.any(String)]);
      const statuses = Object.keys(operation.responses);
      expect([name, statuses.filter((status) => /^[2-5]\d\d$/.test(status)).length]).toEqual([name, statuses.length]);
      expect(statuses.some((status) => status.startsWith('2'))).toBe(true);
      for (const requirement of operation.security ?? []) {
        for (const scheme of Object.keys(requirement)) {
          expect(schemes).toContain(scheme);
          used.add(scheme);
        }
      }
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter).sort();
      // biome-ignore lint/suspicious/noExplicitAny: a document to look into
      const described = (operation.parameters ?? []).filter((one: any) => one.in === 'path');
      // biome-ignore lint/suspicious/noExplicitAny: a document to look into
      expect([name, described.map((one: any) => one.name).sort()]).toEqual([name, named]);
    }
    expect([...used].sort()).toEqual(schemes.sort());
    expect(JSON.stringify(document)).not.toMatch(/"\$ref":"(?!#\/)/);
  });

  it('lists routes that are there, and refusals of the catalogue that each of them may give', async () => {
    for (const { path, method, operation } of operations()) {
      if (method === 'head' || path === '/v1/events') continue;
      const concrete = path
        .replace('{round}', '1')
        .replace('{clientId}', crypto.randomUUID())
        .replace('{version}', 'latest')
        .replace('{run}', 'x');
      const answer = await call(method.toUpperCase(), url() + concrete);
      expect([method, path, answer.json?.code]).not.toEqual([method, path, 'NOT_FOUND']);
      expect([method, path, answer.json?.code]).not.toEqual([method, path, 'METHOD_NOT_ALLOWED']);
      expect([method, path, Object.keys(operation.responses)]).toEqual([
        method,
        path,
        expect.arrayContaining([String(answer.status)]),
      ]);
    }
  });
});

describe.each(services)('the documents of the %s', (_, url) => {
  it('explain every refusal', async () => {
    const { status, text, headers } = await call('GET', `${url()}/docs/errors`);
    expect(status).toBe(200);
    expect(headers.get('content-security-policy')).toBe("default-src 'none'");
    for (const code of Object.keys(errorCatalogue)) expect(text).toContain(`id="${code}"`);
  });

  it('are served whole by the server itself: no page of them asks another', async () => {
    const page = await call('GET', `${url()}/docs/`);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toMatch(/^text\/html/);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    const parts = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(
      ([, part = '']) => new URL(part, `${url()}/docs/`),
    );
    expect(parts.length).toBeGreaterThan(3);
    for (const part of parts) {
      expect(part.origin).toBe(new URL(url()).origin);
      const { status, text, headers } = await call('GET', part.href);
      expect([part.pathname, status]).toEqual([part.pathname, 200]);
      if (/css/.test(headers.get('content-type') ?? '')) expect(text).not.toMatch(/@import|url\(\s*['"]?https?:/);
    }
    const own = await call('GET', `${url()}/docs/json`);
    expect(own.json.paths).toEqual((await call('GET', `${url()}/openapi.json`)).json.paths);
  });
});

describe('whether it is ready', () => {
  it('is denied while the aggregator is away, and said again when it is back', async () => {
    const own = await TestServer.forTest({ plan: { minClients: 2 } });
    // The second loss comes with a wait before the restart.
    for (let loss = 1; loss <= 2; loss += 1) {
      const isLoss = ({ data }: { data: Record<string, unknown> }) => data.reason !== undefined;
      const before = own.events.filter(({ type }) => type === 'aggregator.lost').length;
      own.chorus.killAggregator();
      await own.event(
        'aggregator.lost',
        (event) => isLoss(event) && own.events.filter(({ type }) => type === 'aggregator.lost').length > before,
      );
      const answer = await own.ask('GET', '/readyz');
      expectProblem(answer, 'AGGREGATOR_UNAVAILABLE');
      expect(answer.headers.get('retry-after')).toBe('1');
      expect((await own.ask('GET', '/healthz')).status).toBe(200);
      await own.event(
        'aggregator.restarted',
        ({ id }) => id > (own.events.filter(({ type }) => type === 'aggregator.lost').at(-1)?.id ?? 0),
      );
      expect((await own.ask('GET', '/readyz')).status).toBe(200);
    }
    expect(await own.metric('chorus_aggregator_restarts_total', own.coordinatorUrl)).toBe(2);
  });

  it('is denied by both services while they shut down', async () => {
    const own = await TestServer.start({ plan: { minClients: 1 } });
    const client = await own.join();
    await client.start();
    const stalled = RawConnection.open(own.aggregatorUrl)
      .head([
        `PUT ${client.uploadPath} HTTP/1.1`,
        `Authorization: Bearer ${client.trainingToken}`,
        'Content-Length: 100',
      ])
      .write('half');
    await eventually(() => own.metric('chorus_uploads_in_flight')).toBe(1);
    const closed = own.close(20_000);
    expectProblem(await own.ask('GET', '/readyz'), 'SHUTTING_DOWN');
    expect((await own.ask('GET', '/healthz')).status).toBe(200);
    await eventually(async () => (await own.askAggregator('GET', '/readyz')).json.code).toBe('SHUTTING_DOWN');
    stalled.socket.destroy();
    await closed;
  });
});
