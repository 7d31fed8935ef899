import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readEvents } from '../../src/cli/api/event-stream.ts';
import { screenText } from '../../src/cli/commands/watch.ts';
import { eventLine, eventStyle } from '../../src/cli/render/event.ts';
import {
  byteSize,
  countdown,
  duration,
  metricsLine,
  printable,
  progressBar,
  tallyLine,
} from '../../src/cli/render/format.ts';
import { type RoundPoint, type Screen, screenLines } from '../../src/cli/render/screen.ts';
import { sparkline } from '../../src/cli/render/sparkline.ts';
import { statusLine, statusLines, waitingLine } from '../../src/cli/render/status.ts';
import { hasColours, plainStyle, styleFor } from '../../src/cli/render/style.ts';
import { modelsTable, roundsTable } from '../../src/cli/render/tables.ts';
import type { ChorusEvent, RoundRecord, Status } from '../../src/domain/handle.ts';
import type { ModelView } from '../../src/domain/model.ts';
import { readPlan } from '../../src/domain/read-plan.ts';

const status: Status = {
  run: 'run-1',
  runState: 'running',
  round: 3,
  roundsTotal: 10,
  attempt: 2,
  kind: 'training',
  phase: 'training',
  modelVersion: 2,
  population: 9,
  counts: { waiting: 3, selected: 1, training: 2, done: 3, doneAndInactive: 0, ignored: 0 },
  contributions: 3,
  target: 6,
  quorum: 4,
  waitingFor: {
    phase: 'training',
    summary: 'Round 3 has 3 of 6 updates',
    sinceMs: 0,
    guard: null,
    clients: [],
    clientsTotal: 0,
    deadlineAtMs: 30_000,
    next: '',
  },
  aggregator: 'collecting',
  uptimeMs: 1,
};

const round: RoundRecord = {
  run: 'run-1',
  round: 3,
  attempt: 1,
  kind: 'training',
  phase: 'committed',
  openedAtMs: 1_000,
  trainingAtMs: 2_000,
  aggregatingAtMs: 3_000,
  endedAtMs: 13_300,
  deadlineAtMs: null,
  target: 3,
  quorum: 2,
  cohort: [],
  contributions: [
    { round: 3, clientId: 'a', sha256: '', numExamples: 1, acceptedAtMs: 0, metrics: {} },
    { round: 3, clientId: 'b', sha256: '', numExamples: 1, acceptedAtMs: 0, metrics: {} },
  ],
  exclusions: [{ clientId: 'c', reason: 'uploadsRefused', code: 'NOT_FINITE', atMs: 0 }],
  modelVersion: 3,
  reason: null,
  metrics: { accuracy: 0.912345, loss: 0.3 },
  numExamples: 2,
};

describe('the status', () => {
  it('says on a few lines where the run stands', () => {
    expect(statusLines(status, 7_000, plainStyle)).toEqual([
      'Run        run-1, running',
      'Round      3/10, training, attempt 2',
      'Updates    ████████████░░░░░░░░░░░░ 3 of 6, quorum 4',
      'Clients    9 registered: 3 waiting, 1 selected, 2 training, 3 done',
      'Model      version 2',
      'Waiting    Round 3 has 3 of 6 updates (in 23 s)',
    ]);
  });

  it('names the strategy with its parameters, where the plan is known', () => {
    const { plan } = readPlan({ strategy: 'multi-krum', strategyParameters: { byzantineMax: 3 } });
    expect(statusLines(status, 0, plainStyle, plan)).toContain('Strategy   multi-krum, byzantineMax = 3');
    const { plan: buffered } = readPlan({ mode: 'buffered' });
    expect(statusLines(status, 0, plainStyle, buffered)).toContain('Strategy   fedavg; buffered');
  });

  it('says so when there is nothing yet', () => {
    const counts = { waiting: 0, selected: 0, training: 0, done: 0, doneAndInactive: 0, ignored: 0 };
    const waitingFor = { ...status.waitingFor, summary: 'No run was started yet', deadlineAtMs: null };
    const none: Status = {
      ...status,
      run: null,
      runState: 'idle',
      round: 0,
      phase: 'idle',
      modelVersion: null,
      population: 0,
      counts,
      target: null,
      quorum: null,
      waitingFor,
    };
    expect(statusLines(none, 0, plainStyle)).toEqual([
      'Run        none yet',
      'Round      idle',
      'Clients    none',
      'Model      none yet',
      'Waiting    No run was started yet',
    ]);
  });

  it('has no attempt between two rounds, when the number is that of an evaluation', () => {
    const judging: Status = { ...status, kind: null, phase: 'judging' };
    expect(statusLines(judging, 0, plainStyle)).toContain('Round      3/10, judging');
  });

  it('shows the aggregator when it is not at work', () => {
    expect(statusLines({ ...status, aggregator: 'restarting' }, 0, plainStyle)).toContain('Aggregator restarting');
    expect(statusLines(status, 0, plainStyle).join()).not.toContain('Aggregator');
  });

  it('fits on one line, where nothing counts by the second', () => {
    expect(statusLine(status)).toBe('round 3/10 training, 3 of 6 updates, 9 clients. Round 3 has 3 of 6 updates');
  });

  it('counts down to the deadline, and has none where none is', () => {
    expect(waitingLine(status.waitingFor, 29_500)).toBe('Round 3 has 3 of 6 updates (in 1 s)');
    expect(waitingLine(status.waitingFor, 31_000)).toBe('Round 3 has 3 of 6 updates (now)');
    expect(waitingLine({ ...status.waitingFor, deadlineAtMs: null }, 0)).toBe('Round 3 has 3 of 6 updates');
  });
});

describe('the screen of a watched run', () => {
  const shownIn = (lines: readonly string[], size: { columns?: number; rows?: number }) =>
    stripVTControlCharacters(screenText(lines, size)).split('\n').slice(0, -1);

  it('is drawn in one write over what was there, and cut to the height of the terminal', () => {
    expect(screenText(['one', 'two'], { columns: 80, rows: 24 })).toBe('\u001b[Hone\u001b[K\ntwo\u001b[K\n\u001b[J');
    expect(shownIn(['1', '2', '3', '4'], { columns: 80, rows: 4 })).toEqual(['1', '2', '3']);
    // A line that the terminal breaks takes two rows; colours take none.
    expect(shownIn(['x'.repeat(81), '2', '3'], { columns: 80, rows: 4 })).toEqual(['x'.repeat(81), '2']);
    expect(shownIn([`\u001b[1m${'x'.repeat(80)}\u001b[22m`, '2', '3'], { columns: 80, rows: 4 })).toHaveLength(3);
    // A terminal that does not tell its size.
    expect(shownIn(Array.from({ length: 40 }, String), {})).toHaveLength(23);
  });

  const event = (type: string, data: Record<string, unknown>): ChorusEvent => ({ id: 1, atMs: 3_723_000, type, data });
  const point = (metrics: Record<string, number>, phase: RoundRecord['phase'] = 'committed') => ({
    ...{ run: 'run-1', phase, metrics },
  });
  const usual = { columns: 80, rows: 24 };
  const linesOf = (given: Partial<Screen>, size = usual) =>
    screenLines({ status, plan: null, rounds: [], events: [], nowMs: 7_500, ...given }, size, plainStyle);

  it('has the status, how much of the window is used, and metrics by round once there are two of them', () => {
    const rounds = [point({}, 'training'), point({ loss: 0.25 }), point({ loss: 1 }), point({ loss: 2 })];
    const text = (given: RoundPoint[]) => linesOf({ rounds: given }).join('\n');
    expect(text(rounds)).toContain('By round   █▄▁ loss 0.25');
    expect(text(rounds)).toContain('Time       ██████░░░░░░░░░░░░░░░░░░ in 23 s');
    expect(text(rounds)).toContain('Waiting    Round 3 has 3 of 6 updates');
    expect(text(rounds.slice(3))).not.toContain('By round');
    expect(text(rounds.map((one) => ({ ...one, run: 'another' })))).not.toContain('By round');
    const evaluated = [point({ loss: 3, accuracy: 1 }, 'evaluated'), point({ loss: 4, accuracy: 0 }, 'evaluated')];
    expect(text(evaluated)).toContain('Evaluated  ▁█ accuracy 1\n           █▁ loss 3');
  });

  it('breaks what is waited for between words, and leaves out what the line above says', () => {
    const summary = `Round 3 waits for ${'12345678…, '.repeat(9)}and others; at 14:57:24 UTC it is abandoned.`;
    const lines = linesOf({ status: { ...status, waitingFor: { ...status.waitingFor, summary } } });
    const first = lines.findIndex((line) => line.startsWith('Waiting'));
    expect(lines.slice(first, first + 3).map((line) => line.length <= 80)).toEqual([true, true, true]);
    expect(lines[first + 1]).toMatch(/^ {11}12345678….*and others\.$/);
    expect(lines.join('\n')).not.toContain('UTC');
  });

  it('is no wider than the terminal and breaks between words, whatever its size', () => {
    const waitingFor = {
      ...status.waitingFor,
      summary: 'Round 3 has 3 of 6 updates (quorum 4); waiting for c38a2341… (1 training, 2 not started)',
      next: 'it is abandoned and tried again',
      deadlineAtMs: 300_000,
    };
    const run = '1b567889-38c2-406e-a897-2c70767b2ab6';
    const { plan } = readPlan({ strategy: 'multi-krum', strategyParameters: { byzantineMax: 3 } });
    const rounds = Array.from({ length: 60 }, (_, at) => ({ ...point({ 'a metric of a client': at }), run }));
    const events = [event('client.excluded', { round: 3, clientId: 'a6e8a4ec', reason: 'left' })];
    for (const columns of [10, 20, 40, 60, 80, 99, 200]) {
      for (const rows of [2, 5, 10, 24, 60]) {
        const size = { columns, rows };
        const lines = linesOf({ status: { ...status, run, waitingFor }, plan, rounds, events }, size);
        expect(lines.length).toBeLessThan(rows);
        expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(Math.max(columns, 12));
        expect(lines.some((line) => line.startsWith('Waiting') || line.startsWith('Time'))).toBe(true);
      }
    }
    const text = (columns: number) => linesOf({ status: { ...status, run, waitingFor } }, { columns, rows: 40 });
    expect(text(80).join('\n')).toContain(' in 4 min 53 s it is abandoned and tried\n           again\n');
    expect(text(40).join('\n')).toContain('Run        1b567889-38c2-406e-a897-2c707\n           67b2ab6, running\n');
  });

  it('begins with what is waited for where there is not room for everything', () => {
    expect(linesOf({}, { columns: 80, rows: 24 })[0]).toBe('Chorus');
    expect(linesOf({}, { columns: 80, rows: 9 })[0]).toBe('Run        run-1, running');
    expect(linesOf({}, { columns: 80, rows: 6 })[0]).toMatch(/^Time/);
  });

  it('is filled up with what happened last, but for what happens all the time', () => {
    const events = [
      event('membership', { population: 3 }),
      ...Array.from({ length: 40 }, (_, at) => event('client.excluded', { round: at, clientId: 'a'.repeat(200) })),
      event('update.accepted', { round: 3, clientId: 'b', numExamples: 1 }),
      event('round.abandoned', { round: 3, attempt: 1, reason: 'x'.repeat(200) }),
    ];
    for (const size of [usual, { columns: 120, rows: 40 }, { columns: 80, rows: 8 }]) {
      const lines = linesOf({ events }, size);
      const shown = screenText(lines, size).split('\n').length - 1;
      expect(shown).toBe(Math.min(lines.length, size.rows - 1));
      if (size.rows < 20) continue;
      expect(lines).toHaveLength(size.rows - 1);
      expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(size.columns);
      expect(lines.at(-3)).toMatch(/^ {11}01:02:03 {2}Round 3, attempt 1, abandoned: x+…$/);
      expect(lines.join('\n')).not.toMatch(/registered$|accepted/);
    }
  });
});

describe('a curve in one line', () => {
  it('goes from the lowest to the highest, and shows the last', () => {
    expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 40)).toBe('▁▂▃▄▅▆▇█');
    expect(sparkline([9, 0, 7], 2)).toBe('▁█');
    expect(sparkline([5, 5], 40)).toBe('▄▄');
  });
});

describe('the stream of events', () => {
  const read = async (...chunks: string[]) => {
    const events = [];
    async function* body() {
      for (const chunk of chunks) yield new TextEncoder().encode(chunk);
    }
    for await (const event of readEvents(body())) events.push(event);
    return events;
  };

  it('is read whatever way it is cut, without comments and what is not understood', async () => {
    const text = 'retry: 2000\n\nid: 7\nevent: phase\ndata: {"atMs":1,"data":{"phase":"training"}}\n\n:\n\nid: x\n\n';
    const event = { id: 7, type: 'phase', atMs: 1, data: { phase: 'training' } };
    expect(await read(text)).toEqual([event]);
    expect(await read(...text)).toEqual([event]);
    expect(await read('id: 1\nevent: phase\ndata: {broken\n\n')).toEqual([]);
    await expect(read('x'.repeat(1_048_577))).rejects.toThrow(RangeError);
  });

  it('is told in one line each, whatever a client put into it', () => {
    const lineOf = (type: string, data: Record<string, unknown>) => eventLine({ id: 1, atMs: 0, type, data });
    const paused = { sentence: 'The run was paused', by: 'admin token' };
    expect(lineOf('operation', paused)).toBe('An operator: The run was paused');
    const started = { sentence: 'A run of 3 rounds was started', by: 'configuration' };
    expect(lineOf('operation', started)).toBe('A run of 3 rounds was started');
    expect(lineOf('round.committed', { round: 2, contributions: 1, modelVersion: 2, metrics: { loss: 1 } })).toBe(
      'Round 2 committed: 1 contribution, model version 2; loss 1',
    );
    expect(lineOf('phase', { phase: 'training', round: 2, attempt: 1 })).toBe('Round 2: training');
    expect(lineOf('phase', { phase: 'training', round: 2, attempt: 3 })).toBe('Round 2, attempt 3: training');
    expect(lineOf('phase', { phase: 'training', round: 2, attempt: 2, kind: 'evaluation' })).toBe(
      'Round 2, evaluation: training',
    );
    expect(lineOf('round.evaluated', { round: 2, contributions: 3, modelVersion: 2, metrics: { loss: 1 } })).toBe(
      'Round 2: model version 2 evaluated by 3 clients; loss 1',
    );
    expect(lineOf('evaluation.missed', { version: 2, by: 'server', reason: 'it \u0007threw' })).toBe(
      'Model version 2 not evaluated by the server: it  threw',
    );
    expect(lineOf('some.event', { a: '\u001b[31m\n' })).toBe('some.event {"a":"\\u001b[31m\\n"}');
  });
});

describe('the colour of an event', () => {
  it('sets trouble off from what goes well, and the rest from neither', () => {
    const style = { ...plainStyle, good: () => 'good', warning: () => 'warning', bad: () => 'bad' };
    const colour = (type: string, reason = '') =>
      eventStyle({ id: 1, atMs: 0, type, data: { reason } }, style)('plain');
    expect(['round.committed', 'round.abandoned', 'update.refused', 'phase'].map((type) => colour(type))).toEqual([
      ...['good', 'bad', 'warning', 'plain'],
    ]);
    expect([colour('client.excluded', 'straggler'), colour('client.excluded', 'notNeeded')]).toEqual([
      'warning',
      'plain',
    ]);
  });
});

describe('the table of rounds', () => {
  it('has a line for each attempt', () => {
    const abandoned: RoundRecord = {
      ...round,
      attempt: 2,
      phase: 'abandoned',
      modelVersion: null,
      reason: 'quorumMissed: 1 of 2',
      exclusions: [],
    };
    const open: RoundRecord = { ...round, round: 4, phase: 'training', endedAtMs: null, modelVersion: null };
    const [head, ...rows] = roundsTable([open, abandoned, round], 5_000, plainStyle).split('\n');
    expect(head?.split(/\s{2,}/)).toEqual([
      'Round',
      'Attempt',
      'Outcome',
      'Updates',
      'Excluded',
      'Took',
      'Model',
      'Metrics',
    ]);
    expect(rows.map((row) => row.trim().split(/\s{2,}/))).toEqual([
      ['4', '1', 'training', '2/3', 'NOT_FINITE 1', '4.0 s', '–', 'accuracy 0.9123, loss 0.3'],
      ['3', '2', 'abandoned', '2/3', '–', '12.3 s', '–', 'quorumMissed: 1 of 2'],
      ['3', '1', 'committed', '2/3', 'NOT_FINITE 1', '12.3 s', '3', 'accuracy 0.9123, loss 0.3'],
    ]);
  });

  it('tells runs apart where there are several', () => {
    const lines = roundsTable([{ ...round, run: '1b567889-38c2' }, round], 0, plainStyle).split('\n');
    expect(lines.map((line) => line.split(/\s{2,}/)[0])).toEqual(['Run', '1b567889', 'run-1']);
  });

  it('tells how many updates the strategy used, and how old they were', () => {
    const [a, b] = round.contributions;
    if (!a || !b) throw new Error('Two have contributed');
    const robust = { ...round, members: ['a'], contributions: [a, { ...b, staleness: 2 }] };
    expect(roundsTable([robust], 0, plainStyle)).toContain('2/3, 1 used, to 2 versions old');
  });

  it('says so when there are none', () => {
    expect(roundsTable([], 0, plainStyle)).toBe('No round was opened yet.');
  });

  it('shows nothing that could drive the terminal, whatever a client calls its metrics', () => {
    const hostile = { ...round, metrics: { '\u001b]0;owned\u0007\u001b[2Jloss\nx': 1 } };
    const drawn = roundsTable([hostile], 0, plainStyle);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is what is tested
    expect(drawn).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(drawn.split('\n')).toHaveLength(2);
  });
});

describe('the table of models', () => {
  it('has a line for each version', () => {
    const model = {
      version: 2,
      run: 'run-1',
      round: 2,
      sha256: 'abcdef0123456789',
      bytes: 1_234_567,
      createdAtMs: 0,
      contributions: 3,
      numExamples: 1_800,
      metrics: { loss: 0.5 },
      evaluations: [],
      best: false,
    };
    const about = { atMs: 0, numExamples: 4, clients: 2 };
    const evaluated: ModelView = {
      ...model,
      best: true,
      evaluations: [
        { ...about, by: 'server', metrics: {}, failure: 'no data' },
        { ...about, by: 'clients', metrics: { accuracy: 0.912345 }, failure: null },
      ],
    };
    const [, first, second] = modelsTable([{ ...model, version: 1, round: 0 }, evaluated], plainStyle).split('\n');
    expect(first).toContain('initial');
    expect(first).not.toContain('best');
    expect(second?.trim().split(/\s{2,}/)).toEqual([
      '2 best',
      '2',
      '3',
      '1800',
      '1.2 MB',
      '1970-01-01 00:00:00 UTC',
      'abcdef012345',
      'loss 0.5',
      'server: no data; clients: accuracy 0.9123',
    ]);
    expect(modelsTable([], plainStyle)).toBe('No model was committed yet.');
  });
});

describe('words for numbers', () => {
  it.each([
    [0, '0 ms'],
    [850.4, '850 ms'],
    [12_345, '12.3 s'],
    [59_999, '1 min 0 s'],
    [125_000, '2 min 5 s'],
    [11_040_000, '3 h 4 min'],
  ])('a duration of %d ms is %s', (ms, text) => expect(duration(ms)).toBe(text));

  it.each([
    [0, 'now'],
    [1, 'in 1 s'],
    [60_000, 'in 1 min 0 s'],
    [3_660_000, 'in 1 h 1 min'],
  ])('%d ms from now is %s', (ms, text) => expect(countdown(ms, 0)).toBe(text));

  it.each([
    [1, '1 byte'],
    [999, '999 bytes'],
    [1_000, '1.0 kB'],
    [2 ** 30, '1.1 GB'],
  ])('%d bytes are %s', (bytes, text) => expect(byteSize(bytes)).toBe(text));

  it('a bar is full only when all is there', () => {
    expect(progressBar(0, 3, 4)).toBe('░░░░');
    expect(progressBar(99, 100, 4)).toBe('███░');
    expect(progressBar(5, 3, 4)).toBe('████');
    expect(progressBar(1, 0, 4)).toBe('░░░░');
  });

  it('many metrics are counted, and kinds are tallied', () => {
    expect(metricsLine({ a: 1, b: 2, c: 3, d: 4, e: 5 })).toBe('a 1, b 2, c 3, d 4 and 1 more');
    expect(tallyLine(['left', 'straggler', 'left'])).toBe('left 2, straggler 1');
    expect(printable('x'.repeat(1_000)).length).toBeLessThan(310);
  });

  it('a text of a client neither drives the terminal, nor turns round, nor hides what stands beside it', () => {
    expect(printable('a\u001b[31mb\u001b]0;owned\u0007c\u009b2Jd')).toBe('abcd');
    expect(printable('ok \u202eko\u2066 \u200b\u00ad\ufefffine\u2028new line\ud800')).toBe('ok ko fine new line');
    expect(printable('Zürich, 東京, 👍🏽, لا')).toBe('Zürich, 東京, 👍🏽, لا');
  });
});

describe('colours', () => {
  it('are for terminals, and not where NO_COLOR asks for none', () => {
    expect(hasColours({ isTTY: true }, {})).toBe(true);
    expect(hasColours({ isTTY: true }, { NO_COLOR: '1' })).toBe(false);
    expect(hasColours({ isTTY: true }, { TERM: 'dumb' })).toBe(false);
    expect(hasColours({}, {})).toBe(false);
    expect(styleFor({ isTTY: true }, {}).bad('x')).toContain('\u001b[');
    expect(styleFor({}, {}).bad('x')).toBe('x');
  });
});
