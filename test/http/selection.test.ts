import { describe, expect, it } from 'vitest';
import { expectProblem } from './calls.ts';
import { TestServer } from './test-server.ts';

describe('the selection of a round over HTTP', () => {
  it('is explained for each client, to the operator', async () => {
    const plan = { minClients: 2, selectionFilter: 'attributes.region in ["eu", "uk"]' };
    const server = await TestServer.forTest({ plan });
    const us = await server.join({ attributes: { region: 'us' } });
    const eu = await server.join({ attributes: { region: 'eu' } });
    const path = (clientId: string, round: string | number = 1) => `/v1/rounds/${round}/selection/${clientId}`;
    const { waitingFor } = (await server.ask('GET', '/v1/status')).json;
    expect(waitingFor.summary).toMatch(/^Round 1 has 1 of 2 eligible clients; waiting for 1 more eligible client /);
    const uk = await server.join({ attributes: { region: 'uk' } });
    await uk.waitUntil('selected');

    expect(await server.order('GET', path(eu.clientId))).toMatchObject({
      status: 200,
      json: {
        clientId: eu.clientId,
        round: 1,
        chosen: true,
        reason: { kind: 'drawn', chosen: true, drawn: 2, of: 2 },
        sentence: 'drawn: 2 of 2 were drawn with equal chance',
      },
    });
    expect((await server.order('GET', path(us.clientId))).json).toEqual({
      clientId: us.clientId,
      round: 1,
      chosen: false,
      reason: {
        kind: 'filteredOut',
        chosen: false,
        filter: plan.selectionFilter,
        values: { 'attributes.region': 'us' },
      },
      sentence: 'filtered out: attributes.region is "us"',
    });
    expectProblem(await server.order('GET', path(eu.clientId, 2)), 'ROUND_UNKNOWN');
    expectProblem(await server.order('GET', path('nobody')), 'CLIENT_UNKNOWN');
    expectProblem(await server.order('GET', path(eu.clientId, 'x')), 'REQUEST_INVALID');
    expectProblem(await server.ask('GET', path(eu.clientId), { token: eu.clientToken }), 'ADMIN_TOKEN_INVALID');
  });

  it('goes by a filter that can be read, or there is no run', async () => {
    const server = await TestServer.forTest({ autoStart: false });
    const refused = await server.order('POST', '/v1/runs', { body: { selectionFilter: 'attributes.cores >' } });
    expectProblem(refused, 'PLAN_INVALID');
    expect(refused.json.detail).toMatch(/^selectionFilter \(--selection-filter\) cannot be read\. At character \d+ /);
    expect(server.handle.run()).toBeNull();
    const taken = await server.order('POST', '/v1/runs', { body: { selectionFilter: 'attributes.cores > 3' } });
    expect(taken).toMatchObject({ status: 201, json: { plan: { selectionFilter: 'attributes.cores > 3' } } });
  });

  it('says in the record of a round how many past rounds asked for', async () => {
    const plan = { minClients: 2, cohortSize: 1, overSelection: 2, overSelectionAdaptive: true };
    const server = await TestServer.forTest({ plan });
    const [first] = await server.joinMany(2);
    await first?.waitUntil('selected');
    expect((await server.ask('GET', '/v1/rounds/1')).json).toMatchObject({
      target: 2,
      overSelected: { selected: 2, summary: '0 outcomes seen, fewer than 30: 2 times as at first' },
    });
  });
});
