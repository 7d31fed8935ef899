import { describe, expect, it } from 'vitest';
import type { Plan } from '../../src/domain/plan.ts';
import { expectProblem } from './calls.ts';
import { Participant, updateOf } from './participant.ts';
import { TestServer } from './test-server.ts';

const plan: Partial<Plan> = { rounds: 1, minClients: 2, evaluateEvery: 1, stopMetric: 'accuracy' };

/** A server whose clients have trained, and are to evaluate. */
async function evaluating(): Promise<{ server: TestServer; able: Participant; other: Participant }> {
  const server = await TestServer.forTest({ plan });
  const { json } = await server.ask('POST', '/v1/clients', { body: { evaluates: true } });
  const able = new Participant(server, json);
  const other = await server.join();
  for (const client of [able, other]) {
    await client.waitUntil('selected');
    expect(await client.start()).toMatchObject({ task: 'train' });
    await client.upload(updateOf([3], 1, { accuracy: 0.1 }));
  }
  await able.waitUntil('selected');
  expect(await able.start()).toMatchObject({ task: 'evaluate', round: 1, modelVersion: 1 });
  return { server, able, other };
}

const result = { round: 1, numExamples: 4, metrics: { accuracy: 0.5 } };

describe('an evaluation over HTTP', () => {
  it('hands out the model, takes in what was measured, and shows it wherever models and rounds are shown', async () => {
    const { server, able, other } = await evaluating();
    expect((await able.download()).bytes).toEqual((await server.model(1)).bytes);
    expect((await server.ask('GET', '/v1/status')).json).toMatchObject({ kind: 'evaluation', round: 1, attempt: 2 });
    const answer = await able.ask('POST', '/evaluation', { body: result });
    expect(answer).toMatchObject({
      status: 200,
      json: { verdict: 'accepted', receipt: { round: 1, clientId: able.clientId, numExamples: 4 } },
    });
    expect((await able.ask('POST', '/evaluation', { body: result })).json).toEqual(answer.json);
    for (const client of [able, other]) await client.waitUntil('finished');
    const { models } = (await server.ask('GET', '/v1/models')).json;
    expect(models).toMatchObject([
      {
        version: 1,
        best: true,
        metrics: { accuracy: 0.1 },
        evaluations: [{ by: 'clients', metrics: { accuracy: 0.5 } }],
      },
    ]);
    const { rounds } = (await server.ask('GET', '/v1/rounds')).json;
    expect(rounds.map(({ kind, phase, attempt }: Record<string, unknown>) => [kind, phase, attempt])).toEqual([
      ['evaluation', 'evaluated', 2],
      ['training', 'committed', 1],
    ]);
    expect((await server.ask('GET', '/v1/rounds/1')).json).toMatchObject({ kind: 'training' });
    expect((await server.ask('GET', '/v1/rounds/1?kind=evaluation')).json).toMatchObject({ kind: 'evaluation' });
    expect((await server.ask('GET', '/v1/runs/current')).json).toMatchObject({ bestVersion: 1 });
    expect(await server.event('round.evaluated')).toMatchObject({
      data: { modelVersion: 1, metrics: { accuracy: 0.5 } },
    });
    const { text } = await server.ask('GET', '/metrics');
    expect(text).toMatch(/chorus_evaluations_total\{outcome="done"\} 1/);
    expect((await able.ask('POST', '/evaluation', { body: result })).json).toEqual(answer.json);
  });

  it('refuses what is no result, whom it is not wanted from, and another after the first', async () => {
    const { able, other } = await evaluating();
    const report = (client: Participant, body: object) => client.ask('POST', '/evaluation', { body });
    expectProblem(await report(able, {}), 'REQUEST_INVALID');
    expectProblem(await report(able, { ...result, metrics: [] }), 'REQUEST_INVALID');
    expectProblem(await report(able, { ...result, metrics: { accuracy: 'high' } }), 'REQUEST_INVALID');
    expectProblem(await report(able, { ...result, round: 0 }), 'REQUEST_INVALID');
    expectProblem(await report(able, { ...result, numExamples: 1.5 }), 'NUM_EXAMPLES_INVALID');
    expectProblem(await report(able, { ...result, metrics: { ['x'.repeat(129)]: 1 } }), 'METRICS_INVALID');
    // Beyond what a double holds, JSON reads as infinity.
    const huge = '{"round":1,"numExamples":1,"metrics":{"loss":1e999}}';
    const headers = { 'content-type': 'application/json' };
    expectProblem(await able.ask('POST', '/evaluation', { body: Buffer.from(huge), headers }), 'REQUEST_INVALID');
    expectProblem(await report(other, result), 'EVALUATION_DISCARDED');
    expectProblem(await able.ask('POST', '/evaluation', { body: result, token: 'wrong' }), 'CLIENT_TOKEN_INVALID');
    expect(able.state).toBe('training');
    expectProblem(await able.upload(updateOf([3])), 'TASK_MISMATCH');
    expect((await report(able, result)).status).toBe(200);
    expectProblem(await report(able, { ...result, metrics: {} }), 'EVALUATION_CONFLICT');
  });
});
