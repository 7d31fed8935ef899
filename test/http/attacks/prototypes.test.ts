import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeSafetensors } from '../../../src/wire/safetensors.ts';
import { expectProblem } from '../calls.ts';
import { vector } from '../participant.ts';
import { TestServer } from '../test-server.ts';

let server: TestServer;

beforeEach(async () => {
  server = await TestServer.forTest({ autoStart: false, plan: { rounds: 1, minClients: 2 } });
});
// The server is in this process, so what it did to every object is seen here.
afterEach(() => expect(Object.keys(Object.prototype)).toEqual([]));

const post = (path: string, body: string) =>
  server.order('POST', path, { headers: { 'content-type': 'application/json' }, body });
const metricsOf = (metrics: string) => encodeSafetensors(vector([1]), { num_examples: '1', metrics });

describe('a name that reaches for prototypes', () => {
  it.each(['"__proto__"', '"\\u005f_proto__"'])('is refused, however it is written: %s', async (name) => {
    for (const [path, body] of [
      ['/v1/clients', `{"attributes":{${name}:{"isAdmin":true}}}`],
      ['/v1/clients', `{${name}:{"name":"a"}}`],
      ['/v1/runs', `{"hyperparameters":{${name}:{"isAdmin":true}}}`],
      ['/v1/operations', `{"operation":"pause","dryRun":true,${name}:{"quorum":1}}`],
    ] as const) {
      expectProblem(await post(path, body), 'REQUEST_INVALID');
    }
  });

  it('is no setting of a plan', async () => {
    for (const name of ['constructor', 'toString', 'hasOwnProperty']) {
      const answer = await post('/v1/runs', `{"${name}":1}`);
      expectProblem(answer, 'PLAN_INVALID');
      expect(answer.json.detail).toContain(name);
    }
  });

  it('is an attribute, a hyperparameter or a metric like any other where every object has it already', async () => {
    const named = { constructor: 1, toString: 'x', valueOf: true };
    const clients = [await server.join({ attributes: named }), await server.join()];
    const { json: shown } = await server.order('GET', `/v1/clients/${clients[0]?.clientId}`);
    expect(shown.attributes).toEqual(named);
    expect((await server.order('POST', '/v1/runs', { body: { hyperparameters: named } })).status).toBe(201);
    for (const [index, client] of clients.entries()) {
      await client.waitUntil('selected');
      expect((await client.start()).hyperparameters).toEqual(named);
      expectProblem(await client.upload(metricsOf('{"__proto__":1}')), 'METRICS_INVALID');
      const metrics = metricsOf(`{"constructor":${2 * index},"toString":1,"loss":${index}}`);
      expect((await client.upload(metrics)).status).toBe(200);
    }
    await server.model(1);
    const { json: round } = await server.ask('GET', '/v1/rounds/1');
    expect(round.metrics).toEqual({ constructor: 1, toString: 1, loss: 0.5 });
  });
});
