import { describe, expect, it } from 'vitest';
import type { VerifyReport } from '../../src/audit/verify.ts';
import { ProgressLine } from '../../src/cli/render/progress.ts';
import { plainStyle } from '../../src/cli/render/style.ts';
import { Timeline } from '../../src/cli/render/timeline.ts';
import { verifyLines } from '../../src/cli/render/verify.ts';
import { cameBackTo } from '../../src/cli/server/came-back.ts';
import type { RunState, RunView, Status } from '../../src/domain/handle.ts';

const atMs = Date.UTC(2020, 0, 1);

/** The lines of a history of so many facts, ten to a group. */
function timeline(facts: number, isWhole = false): string[] {
  const drawn = new Timeline(plainStyle, isWhole);
  const lines: string[] = [];
  for (let seq = 1; seq <= facts; seq += 1) {
    const group = `Round ${Math.ceil(seq / 10)}, attempt 1`;
    lines.push(...drawn.add({ seq, atMs: atMs + seq, group, sentence: `Fact ${seq}` }));
  }
  return [...lines, ...drawn.end()];
}
const facts = (lines: readonly string[]) => lines.flatMap((line) => /Fact (\d+)$/.exec(line)?.[1] ?? []).map(Number);

describe('a timeline', () => {
  it('has a line for each fact, under headings', () => {
    expect(timeline(11).slice(8)).toEqual([
      '      8  00:00:00.008  Fact 8',
      '      9  00:00:00.009  Fact 9',
      '     10  00:00:00.010  Fact 10',
      '',
      'Round 2, attempt 1 2020-01-01',
      '     11  00:00:00.011  Fact 11',
    ]);
  });

  it.each([79, 80])('is whole with %i facts', (count) => {
    expect(facts(timeline(count))).toHaveLength(count);
  });

  it('leaves out the middle of a long history, says how much, and repeats the heading after it', () => {
    const lines = timeline(2_085);
    expect(facts(lines)).toHaveLength(80);
    expect(facts(lines)[40]).toBe(2_046);
    const gap = lines.indexOf('… 2,005 facts left out; --all shows them …');
    expect(lines.slice(gap + 1, gap + 4)).toEqual([
      '',
      'Round 205, attempt 1 2020-01-01',
      '   2046  00:00:02.046  Fact 2046',
    ]);
  });

  it('leaves nothing out when all is asked for', () => {
    expect(facts(timeline(300, true))).toHaveLength(300);
  });

  it('begins a heading with each day', () => {
    const drawn = new Timeline(plainStyle, true);
    const entry = { seq: 1, group: 'No round open', sentence: 'Something' };
    drawn.add({ ...entry, atMs });
    expect(drawn.add({ ...entry, atMs: atMs + 86_400_000 })).toContain('No round open 2020-01-02');
  });

  it('lets no text of a client drive the terminal', () => {
    const drawn = new Timeline(plainStyle, true);
    const lines = drawn.add({ seq: 1, atMs, group: 'g', sentence: 'as \u001b[31mred\n' });
    expect(lines.at(-1)).toMatch(/ {2}as red $/);
  });
});

describe('a line about progress', () => {
  function progress(isTTY: boolean) {
    let nowMs = 0;
    const written: string[] = [];
    const line = new ProgressLine({ stream: { isTTY, write: (text) => written.push(text) }, now: () => nowMs });
    return { line, written, at: (ms: number) => (nowMs = ms) };
  }

  it('is not shown for what takes no time, then drawn over, and taken away', () => {
    const { line, written, at } = progress(true);
    line.show(() => 'a');
    at(300);
    line.show(() => 'b', 1, 2);
    at(350);
    line.show(() => 'too soon');
    at(400);
    line.show(() => 'c', 2, 2);
    line.clear();
    expect(written).toEqual([
      '\r\u001b[K████████████░░░░░░░░░░░░ b',
      '\r\u001b[K████████████████████████ c',
      '\r\u001b[K',
    ]);
  });

  it('is written now and then where there is no terminal', () => {
    const { line, written, at } = progress(false);
    at(9_999);
    line.show(() => 'a');
    at(10_000);
    line.show(() => 'b');
    line.clear();
    expect(written).toEqual(['b\n']);
  });
});

describe('what a check found', () => {
  const report: VerifyReport = {
    ...{ facts: 12_345, runs: 1, roundsCommitted: 2, roundsAbandoned: 0, versions: 2, recomputed: 1, onlyHashed: 1 },
    ...{ problems: [], problemsTotal: 0, notes: [] },
  };

  it('is a table, and a sentence when nothing is wrong', () => {
    const text = verifyLines('data', report, plainStyle).join('\n');
    expect(text).toMatch(/^Checked +Count\nfacts +12,345\n/);
    expect(text).toMatch(/\nproblems +0\n\ndata holds what was written to it\.$/);
  });

  it('names problems, the first of many, and notes', () => {
    const problems = Array.from({ length: 60 }, (_, index) => ({
      seq: index === 0 ? null : index,
      sentence: `Wrong ${index}.`,
    }));
    const lines = verifyLines(
      'data',
      { ...report, problems, problemsTotal: 2_000, notes: ['By the way.'] },
      plainStyle,
    );
    expect(lines).toEqual(
      expect.arrayContaining(['journal  Wrong 0.', 'fact 1  Wrong 1.', 'and 1950 more problems', 'Note: By the way.']),
    );
    expect(lines.at(-1)).toBe('data does not hold what was written to it: 2000 problems.');
  });
});

describe('what a server came back to', () => {
  const told = (state: RunState, more: Partial<Status> = {}, startedAtMs = 5) =>
    cameBackTo(
      {
        run: () => ({ run: 'the-run', state, startedAtMs, roundsCommitted: 6 }) as RunView,
        status: () => ({ round: 7, roundsTotal: 50, attempt: 1, contributions: 12, target: 20, ...more }) as Status,
      },
      10,
    );

  it.each([
    ['running', {}, 'Goes on with run the-run at round 7 of 50, attempt 1: 12 of 20 updates'],
    ['running', { target: null }, 'Goes on with run the-run at round 7 of 50, attempt 1'],
    ['paused', {}, 'Run the-run is paused at round 7 of 50; go on with: chorus run resume'],
    ['finished', {}, 'The run is finished, 6 rounds committed; start another with: chorus run start'],
    ['stopped', {}, 'The run was stopped, 6 rounds committed; start another with: chorus run start'],
  ] as [RunState, Partial<Status>, string][])('is said of a run that is %s', (state, more, sentence) => {
    expect(told(state, more)).toBe(sentence);
  });

  it('is nothing when the run began with this process, or there is none', () => {
    expect(told('running', {}, 10)).toBeNull();
    expect(cameBackTo({ run: () => null, status: () => ({}) as Status }, 10)).toBeNull();
  });
});
