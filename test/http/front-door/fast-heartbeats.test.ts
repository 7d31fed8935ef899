import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../src/domain/random.ts';
import { type Chorus, createChorus } from '../../../src/index.ts';
import { converse } from './conversation.ts';

const requestsPerClientMax = 200;

interface Party {
  chorus: Chorus;
  port: number;
  /** Two that may ask as they like, one that has asked as often as it may, one that left. */
  clients: { clientId: string; clientToken: string }[];
}

const pathOf = (clientId: string) => `/v1/clients/${clientId}/heartbeat`;

/** Two servers that deal the same ids, tokens and paces, so that their answers can be held against each other. */
async function openServer(frontDoor: boolean): Promise<Party> {
  const chorus = await createChorus({
    plan: { rounds: 100, minClients: 3 },
    random: seededRandom(1),
    entropy: seededRandom(2),
    clientKey: new Uint8Array(32).fill(7),
    http: { frontDoor, limits: { requestsPerClientMax, headersMsMax: 2_000 } },
  });
  const { coordinatorUrl } = await chorus.listen({ coordinator: 0, aggregator: 0 });
  const clients = Array.from({ length: 4 }, () => chorus.handle.rendezvous());
  const [, , eager, gone] = clients;
  for (let request = 0; request < requestsPerClientMax; request += 1) {
    const { clientId = '', clientToken = '' } = eager ?? {};
    const headers = { authorization: `Bearer ${clientToken}` };
    await (await fetch(coordinatorUrl + pathOf(clientId), { method: 'POST', headers })).text();
  }
  chorus.handle.leave(gone?.clientId ?? '');
  return { chorus, port: Number(new URL(coordinatorUrl).port), clients };
}

interface Shape {
  client?: number;
  /** Instead of the client's own. */
  token?: string;
  path?: (clientId: string) => string;
  method?: string;
  version?: string;
  host?: string | null;
  headers?: string[];
  body?: string;
}

/** A heartbeat, as told. */
function heartbeat({ clients }: Party, shape: Shape = {}): string {
  const { client = 0, path = pathOf, method = 'POST', version = '1.1', host = '127.0.0.1', headers = [], body } = shape;
  const { clientId = '', clientToken = '' } = clients[client] ?? {};
  const lines = [`${method} ${path(clientId)} HTTP/${version}`];
  if (host !== null) lines.push(`Host: ${host}`);
  lines.push(`Authorization: Bearer ${shape.token ?? clientToken}`, ...headers);
  if (body !== undefined) lines.push('Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`);
  return `${lines.join('\r\n')}\r\n\r\n${body ?? ''}`;
}

const known = (state: string, round: unknown) => JSON.stringify({ state, round });
const waiting = ['Prefer: wait=1'];
const one = (shape: Shape) => (party: Party) => ({ pieces: [heartbeat(party, shape)] });

type Request = (party: Party) => {
  pieces: string[];
  /** Answers to wait for. @default 1 */
  wanted?: number;
};

const corpus: [string, Request][] = [
  ['a plain heartbeat', one({})],
  ['an id in capitals', one({ path: (id) => pathOf(id.toUpperCase()) })],
  ['a scheme in small letters', (p) => ({ pieces: [heartbeat(p).replace('Bearer', 'bearer ')] })],
  ['what a client goes by', one({ body: known('standby', 0) })],
  ['a length of 0', one({ headers: ['Content-Length: 0'] })],
  ['an empty body of JSON', one({ body: '' })],
  ['a type without a body', one({ headers: ['Content-Type: application/json'] })],
  ['a body of null', one({ body: 'null' })],
  ['a body with spaces', one({ body: ` ${known('training', 7)}\n` })],
  ['a body with a key given twice', one({ body: '{"state":"nonsense","state":"standby","round":0}' })],
  ['a body that is no JSON', one({ body: '{"state":' })],
  ['a body of another shape', one({ body: '{"state":"standby"}' })],
  ['a body with more than it should have', one({ body: '{"state":"standby","round":0,"x":1}' })],
  ['a body with a prototype', one({ body: '{"state":"standby","round":0,"__proto__":{}}' })],
  ['a body with a mark of byte order', one({ body: `\ufeff${known('standby', 0)}` })],
  ['a number as text', one({ body: known('standby', '0') })],
  ['a round below 0', one({ body: known('standby', -1) })],
  ['a round that is no whole number', one({ body: known('standby', 0.5) })],
  ['an unknown state', one({ body: known('asleep', 0) })],
  ['a list', one({ body: '[]' })],
  ['a body of several kilobytes', one({ body: known('standby', 0) + ' '.repeat(5_000) })],
  ['a body too large', one({ body: known('standby', 0) + ' '.repeat(70_000) })],
  ['a body of another type', one({ headers: ['Content-Type: text/plain', 'Content-Length: 0'] })],
  [
    'a type with a charset',
    (p) => ({ pieces: [heartbeat(p, { body: 'null' }).replace('json', 'json; charset=utf-8')] }),
  ],
  ['a wish to wait for what is news already', one({ headers: waiting, body: known('training', 9) })],
  ['a wish to wait, come true', one({ headers: waiting, body: known('standby', 1) })],
  ['a wish to wait for what does not come', one({ headers: waiting, body: known('selected', 1) })],
  ['a wish to wait without a body', one({ headers: waiting })],
  [
    'a wish to wait in other words',
    one({ headers: ['Prefer: respond-async, wait = "1"'], body: known('selected', 4) }),
  ],
  ['a wish for something else', one({ headers: ['Prefer: respond-async'] })],
  ['no wish to wait', one({ headers: ['Prefer: wait=0'], body: known('standby', 0) })],
  ['a wrong token', one({ token: 'wrong' })],
  ['no token', (p) => ({ pieces: [heartbeat(p).replace(/Authorization.*\r\n/, '')] })],
  ['another scheme', (p) => ({ pieces: [heartbeat(p).replace('Bearer', 'Basic')] })],
  ['the token of another', (p) => ({ pieces: [heartbeat(p, { token: p.clients[1]?.clientToken ?? '' })] })],
  ['a client that left', one({ client: 3 })],
  ['an unknown id', one({ path: () => pathOf('00000000-0000-8000-8000-000000000000') })],
  ['an id that is none', one({ path: () => pathOf('x'.repeat(36)) })],
  ['a client that asks too often', one({ client: 2 })],
  ['a client that asks too often, with a body', one({ client: 2, body: known('standby', 0) })],
  ['a foreign host', one({ host: 'evil.example' })],
  ['a host with a port', one({ host: 'localhost:8081' })],
  ['no host', one({ host: null })],
  ['two hosts', one({ headers: ['Host: localhost'] })],
  ['two hosts, one of them foreign', one({ headers: ['Host: evil.example'] })],
  ['a page of another origin', one({ headers: ['Origin: http://evil.example'] })],
  ['a page of its own', one({ headers: ['Origin: http://127.0.0.1'] })],
  ['another method', one({ method: 'PUT' })],
  ['a request for the options', one({ method: 'OPTIONS' })],
  ['a query', one({ path: (id) => `${pathOf(id)}?a=1` })],
  ['a slash at the end', one({ path: (id) => `${pathOf(id)}/` })],
  ['an id in other letters', one({ path: (id) => pathOf(`%${id.charCodeAt(0).toString(16)}${id.slice(1)}`) })],
  ['an absolute target', one({ path: (id) => `http://127.0.0.1${pathOf(id)}` })],
  ['an absolute target elsewhere', one({ path: (id) => `http://evil.example${pathOf(id)}` })],
  ['another version of HTTP', one({ version: '1.0' })],
  ['a chunked body', (p) => ({ pieces: [heartbeat(p, { headers: ['Transfer-Encoding: chunked'] }), '0\r\n\r\n'] })],
  [
    'a chunked body of JSON',
    (p) => ({
      pieces: [
        heartbeat(p, { headers: ['Content-Type: application/json', 'Transfer-Encoding: chunked'] }),
        '4\r\nnull\r\n0\r\n\r\n',
      ],
    }),
  ],
  ['a length and a coding', one({ headers: ['Transfer-Encoding: chunked'], body: 'null' })],
  ['two lengths', one({ headers: ['Content-Length: 3'], body: 'null' })],
  ['a client that asks first', one({ headers: ['Expect: 100-continue'] })],
  [
    'a client that asks first, with a body',
    (p) => ({ ...one({ headers: ['Expect: 100-continue'], body: 'null' })(p), wanted: 2 }),
  ],
  ['another expectation', one({ headers: ['Expect: tea'] })],
  ['a connection that is to be closed', one({ headers: ['Connection: close'] })],
  ['a head that comes in pieces', (p) => ({ pieces: [heartbeat(p).slice(0, 40), heartbeat(p).slice(40)] })],
  ['a body that comes later', (p) => ({ pieces: heartbeat(p, { body: known('standby', 0) }).split(/(?<=\r\n\r\n)/) })],
  [
    'a body that comes in pieces',
    (p) => {
      const whole = heartbeat(p, { body: known('standby', 0) });
      return { pieces: [whole.slice(0, -9), whole.slice(-9, -3), whole.slice(-3)] };
    },
  ],
  [
    'several at once on one connection',
    (p) => ({
      pieces: [
        heartbeat(p) +
          heartbeat(p, { client: 1, body: known('standby', 0) }) +
          heartbeat(p, { body: '{' }) +
          'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n' +
          heartbeat(p, { client: 1 }),
      ],
      wanted: 5,
    }),
  ],
  [
    'one that is held, and others behind it',
    (p) => ({
      pieces: [
        heartbeat(p, { headers: waiting, body: known('selected', 1) }) + heartbeat(p, { client: 1 }) + heartbeat(p),
      ],
      wanted: 3,
    }),
  ],
  ['a head that is too large', one({ headers: [`X-Long: ${'x'.repeat(20_000)}`] })],
];

describe('heartbeats with and without the way past Fastify', () => {
  const parties: Party[] = [];
  beforeAll(async () => {
    parties.push(await openServer(true), await openServer(false));
  });
  afterAll(async () => {
    for (const { chorus } of parties) await chorus.close({ graceMs: 100 });
  });

  it('the servers deal the same ids and tokens', () => {
    expect(parties[0]?.clients).toEqual(parties[1]?.clients);
  });

  it.each(corpus)('the answer is the same for %s', async (_, request) => {
    const answers = [];
    for (const party of parties) {
      const { pieces, wanted = 1 } = request(party);
      answers.push(await converse(party.port, pieces, wanted));
    }
    for (const answer of answers.flat()) {
      // How much is left of a minute.
      if (answer.status === 429) answer.headers['retry-after'] = 'soon';
    }
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]?.length).toBeGreaterThan(0);
  });

  it('each is counted once in the metrics, and those that wish to wait are not timed', async () => {
    for (const party of parties) {
      const before = await countsOf(party);
      const asked = [
        {},
        { body: known('standby', 0) },
        { headers: waiting, body: known('standby', 0) },
        { token: 'x' },
      ];
      for (const shape of asked) await converse(party.port, [heartbeat(party, shape)], 1);
      const after = await countsOf(party);
      expect(after.map((count, index) => count - (before[index] ?? 0))).toEqual([3, 2, 1]);
    }
  });
});

/** Heartbeats, and requests timed: answered 200, and 401. */
async function countsOf({ port }: Party): Promise<number[]> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const timed = (status: number) =>
    `chorus_http_request_duration_seconds_count{method="POST",route="/v1/clients/:clientId/heartbeat",status="${status}"}`;
  const counted = (name: string) => text.split('\n').find((line) => line.startsWith(`${name} `));
  return ['chorus_heartbeats_total', timed(200), timed(401)].map((name) => Number(counted(name)?.split(' ').at(-1)));
}

describe('a client at its limit', () => {
  it('is refused on either way: its requests are counted together', async () => {
    const limits = { requestsPerClientMax: 4 };
    const chorus = await createChorus({ http: { limits } });
    try {
      const { coordinatorUrl } = await chorus.listen({ coordinator: 0, aggregator: 0 });
      const { clientId, clientToken } = chorus.handle.rendezvous();
      const ask = async (headers: Record<string, string>) => {
        const all = { authorization: `Bearer ${clientToken}`, ...headers };
        return (await fetch(coordinatorUrl + pathOf(clientId), { method: 'POST', headers: all })).status;
      };
      const byFastify = { origin: coordinatorUrl };
      const statuses = [await ask({}), await ask(byFastify), await ask({}), await ask(byFastify)];
      expect(statuses).toEqual([200, 200, 200, 200]);
      expect([await ask({}), await ask(byFastify)]).toEqual([429, 429]);
    } finally {
      await chorus.close({ graceMs: 100 });
    }
  });
});
