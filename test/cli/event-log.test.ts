import { afterEach, describe, expect, it } from 'vitest';
import { describeEvent, type LogLine, type Situation } from '../../src/cli/server/event-log.ts';
import type { ChorusEvent, RoundRecord, Status } from '../../src/domain/handle.ts';
import { TestChorus } from '../../src/testing/test-chorus.ts';

const record = { openedAtMs: 1_000, endedAtMs: 13_300 } as RoundRecord;
const status = { roundsTotal: 10, waitingFor: { summary: 'No round is open: 1 of 3 clients registered.' } } as Status;
const situation: Situation = { status: () => status, rounds: () => [record] };

const lineOf = (type: string, data: ChorusEvent['data']): string | null => {
  const line = describeEvent({ id: 1, atMs: 0, type, data }, situation);
  return line && `${line.level}: ${line.message}`;
};

describe('what is logged about an event', () => {
  it.each([
    ['clients.selected', { round: 3, count: 4 }, 'info: Round 3: 4 clients selected'],
    [
      'update.accepted',
      { round: 3, clientId: '0123456789', numExamples: 1 },
      'debug: Round 3: update of 01234567 accepted, 1 example',
    ],
    [
      'update.refused',
      { round: 3, clientId: '0123456789', code: 'NOT_FINITE' },
      'info: Round 3: update of 01234567 refused, NOT_FINITE',
    ],
    ['client.excluded', { round: 3, clientId: 'abc', reason: 'left' }, 'info: Round 3: abc is out, left'],
    [
      'client.excluded',
      { round: 3, clientId: 'abc', reason: 'uploadsRefused', code: 'NOT_FINITE' },
      'info: Round 3: abc is out, NOT_FINITE',
    ],
    [
      'round.committed',
      { round: 3, contributions: 4, exclusions: 1, modelVersion: 3, metrics: { loss: 0.5 } },
      'info: Round 3/10 committed: 4 contributions, 1 excluded, model version 3, 12.3 s; loss 0.5',
    ],
    [
      'round.committed',
      { round: 3, contributions: 1, exclusions: 0, modelVersion: 3, metrics: {} },
      'info: Round 3/10 committed: 1 contribution, model version 3, 12.3 s',
    ],
    [
      'round.abandoned',
      { round: 3, attempt: 2, reason: 'quorumMissed: 1 of 2' },
      'warn: Round 3 abandoned at attempt 2: quorumMissed: 1 of 2',
    ],
    [
      'round.abandoned',
      { round: 3, attempt: 2, reason: 'stopped: by an operator' },
      'info: Round 3 abandoned at attempt 2: stopped: by an operator',
    ],
    [
      'aggregator.lost',
      { reason: 'its thread ended' },
      'error: The aggregator was lost: its thread ended; it is restarted',
    ],
    ['aggregator.restarted', {}, 'warn: The aggregator is back'],
    ['model.installed', { version: 1 }, 'info: Model version 1 installed'],
    ['phase', { phase: 'gathering' }, 'info: No round is open: 1 of 3 clients registered.'],
    ['phase', { phase: 'paused' }, 'warn: No round is open: 1 of 3 clients registered.'],
    ['phase', { phase: 'training', round: 3, attempt: 1 }, 'debug: Training: round 3, attempt 1'],
    ['membership', {}, null],
    ['something.new', {}, null],
  ] as [string, ChorusEvent['data'], string | null][])('%s %j', (type, data, expected) => {
    expect(lineOf(type, data)).toBe(expected);
  });
});

it('lets no name of a client drive the terminal that a log is looked at in, in words or in fields', () => {
  const metrics = { 'a\u009b31m\u202eb\u001b[2Jc': 1 };
  for (const [type, data] of [
    ['round.committed', { round: 1, metrics }],
    ['round.evaluated', { modelVersion: 1, metrics }],
    ['model.judged', { version: 1, metrics }],
    ['update.accepted', { round: 1, clientId: 'a', metrics }],
  ] as const) {
    const line = describeEvent({ id: 1, atMs: 0, type, data }, situation);
    expect(JSON.stringify(line)).not.toMatch(/[\u007f-\u009f\u202e]|\\u001b/);
    expect(line?.fields.metrics).toEqual({ abc: 1 });
  }
});

describe('the log of a whole run', () => {
  let close: (() => Promise<void>) | undefined;
  afterEach(() => close?.());

  it('tells what happened, and no secret', async () => {
    const test = await TestChorus.create({ plan: { rounds: 1, minClients: 2 } });
    close = () => test.chorus.close();
    const { handle } = test.chorus;
    const lines: LogLine[] = [];
    handle.events.subscribe((event) => lines.push(...[describeEvent(event, handle) ?? []].flat()));
    const clients = await test.joinMany(2);
    for (const client of clients) await client.contribute([1, 2]);
    await test.settle();
    const messages = lines.filter(({ level }) => level === 'info').map(({ message }) => message);
    expect(messages).toContain('Round 1: 2 clients selected');
    expect(
      messages.some((message) => message.startsWith('Round 1/1 committed: 2 contributions, model version 1')),
    ).toBe(true);
    expect(messages.some((message) => message.startsWith('The run is finished: 1 round committed'))).toBe(true);
    for (const client of clients) expect(JSON.stringify(lines)).not.toContain(client.ticket?.trainingToken);
  });
});
