import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveCliSettings } from '../../src/cli/config/catalogue.ts';
import { type Core, createCore } from '../../src/core.ts';
import { clientStates } from '../../src/domain/client.ts';
import { defaultHttpLimits } from '../../src/domain/http.ts';
import { createAggregatorApp } from '../../src/http/aggregator-app.ts';
import { createCoordinatorApp } from '../../src/http/coordinator-app.ts';
import { clientTable, refused } from '../../src/machines/client-table.ts';
import { inlineCode, pages, readPage, sectionOf, tableRows } from './pages.ts';

const readme = readPage('README.md');
const http = readPage('docs/http.md');
const protocol = readPage('docs/protocol.md');
const unquoted = (cell: string): string => cell.replaceAll('`', '');

describe('the calls in the docs', () => {
  let core: Core;
  const apps: FastifyInstance[] = [];
  /** Call → kinds of token, by service. */
  let coordinator: Map<string, string[]>;
  let aggregator: Map<string, string[]>;

  beforeAll(async () => {
    core = await createCore({ aggregator: 'inline', autoStart: false });
    const { handle, gate } = core;
    if (!gate) throw new Error('The aggregator does not run inline');
    const adminToken = 'a token of this test';
    apps.push(
      await createCoordinatorApp({
        handle,
        adminToken,
        http: {},
        notReady: () => null,
        inspectFeed: null,
        spans: () => ({ sent: 0, failed: 0, dropped: 0 }),
      }),
      await createAggregatorApp({ gate, http: {}, isDraining: () => false }),
    );
    [coordinator, aggregator] = (await Promise.all(apps.map(callsOf))) as [
      Map<string, string[]>,
      Map<string, string[]>,
    ];
  });
  afterAll(async () => {
    await Promise.all(apps.map((app) => app.close()));
    await core.close({ graceMs: 0 });
  });

  it('are exactly those of the services, with the tokens they ask for', () => {
    expect(documentedCalls(sectionOf(http, 'Coordinator, port 8081'))).toEqual(coordinator);
    expect(documentedCalls(sectionOf(http, 'Aggregator, port 8082'))).toEqual(aggregator);
  });

  it('exist, wherever they are named', () => {
    const known = [...coordinator.keys(), ...aggregator.keys()];
    for (const page of pages) {
      for (const code of inlineCode(page)) {
        if (!/^(GET|POST|PUT|DELETE) \/(v1|healthz|readyz|metrics)\b/.test(code)) continue;
        expect(known, `${page.path} names ${code}`).toContain(code);
      }
    }
  });
});

interface OpenApi {
  paths: Record<string, Record<string, { security?: Record<string, string[]>[] }>>;
}

async function callsOf(app: FastifyInstance): Promise<Map<string, string[]>> {
  const { paths } = (await app.inject('/openapi.json')).json<OpenApi>();
  const calls = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security = [] }]): [string, string[]] => [
      `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`,
      security.flatMap((kind) => Object.keys(kind)),
    ]),
  );
  return new Map(calls.sort());
}

function documentedCalls(section: string): Map<string, string[]> {
  const rows = tableRows(section).filter(([call]) => call?.startsWith('`'));
  const calls = rows.map(([call = '', token = '']): [string, string[]] => [
    unquoted(call),
    token.split(/,? or |, /).filter((kind) => kind !== 'none'),
  ]);
  return new Map(calls.sort());
}

it('gives the settings in the README their real defaults', () => {
  const rows = tableRows(sectionOf(readme, 'Settings')).filter(([flag]) => flag?.startsWith('`--'));
  expect(rows.length).toBeGreaterThan(5);
  for (const [flag = '', value = ''] of rows) {
    const setting = serveCliSettings.find((one) => one.flag === unquoted(flag));
    expect([flag, value]).toEqual([flag, String(setting?.spec.default ?? 'none')]);
  }
});

it('gives every bound of the listeners its real default', () => {
  const documented = Object.fromEntries(
    tableRows(sectionOf(http, 'Bounds'))
      .filter(([name]) => name?.startsWith('`'))
      .map(([name = '', value = '']) => [unquoted(name), Number(value.replaceAll(',', ''))]),
  );
  expect(documented).toEqual(defaultHttpLimits);
});

it('tells every transition of a client, and no other', () => {
  const { states, events, next } = clientTable;
  const real = states.flatMap((from, row) =>
    events.flatMap((event, column) => {
      const to = next[row * events.length + column] ?? refused;
      return to === refused ? [] : [`${from} ${event} ${states[to]}`];
    }),
  );
  const isState = (cell: string | undefined) => clientStates.some((state) => state === cell);
  const told = tableRows(sectionOf(protocol, 'The life of a client')).filter(([from]) => isState(from));
  expect(told.map(([from, event, to]) => `${from} ${event} ${to}`).sort()).toEqual(real.sort());
});
