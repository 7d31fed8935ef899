import { describe, expect, it } from 'vitest';
import { wordings } from '../../dashboard/src/parts/wordings.ts';
import { ago, shortCount } from '../../dashboard/src/words/numbers.ts';
import { modeText, parametersText, strategyText } from '../../dashboard/src/words/plans.ts';

/** Spaces that do not break are read as others are. */
const plain = (text: string): string => text.replaceAll('\u00a0', ' ');

describe('the ticks of an axis', () => {
  it('have no more digits than tell them apart', () => {
    const { metrics, counts, seconds, sizes } = wordings;
    expect([0, 0.5, 1].map((value) => metrics.tick(value, 0.5))).toEqual(['0.0', '0.5', '1.0']);
    expect([0, 1, 2].map((value) => metrics.tick(value, 1))).toEqual(['0', '1', '2']);
    expect([0.25, 0.5].map((value) => metrics.tick(value, 0.25))).toEqual(['0.25', '0.50']);
    expect(metrics.tick(0.025, 0.005)).toBe('0.025');
    expect(counts.tick(12_000, 2_000)).toBe('12,000');
    expect([2, 180].map((value) => plain(seconds.tick(value, 2)))).toEqual(['2 s', '3 min 00 s']);
    expect(plain(seconds.tick(0.2, 0.2))).toBe('0.2 s');
    expect([2_000_000, 2_500_000].map((value) => plain(sizes.tick(value, 500_000)))).toEqual(['2 MB', '2.5 MB']);
  });
});

describe('words', () => {
  it('say how long ago something was, as far as anybody cares', () => {
    const texts = [-5, 999, 12_400, 185_000, 7_260_000].map((ms) => plain(ago(ms)));
    expect(texts).toEqual(['just now', 'just now', '12 s ago', '3 min ago', '2 h 01 min ago']);
  });

  it('shorten large numbers alone', () => {
    expect([99_999, 1_234_567].map(shortCount)).toEqual(['99,999', '1.2M']);
  });

  it('tell a strategy with its parameters, and whether it is buffered', () => {
    const krum = { name: 'multi-krum', parameters: { byzantineMax: 2, keepCount: 5 }, mode: 'synchronous' } as const;
    expect(strategyText(krum)).toBe('multi-krum (byzantineMax 2, keepCount 5)');
    expect(strategyText({ name: 'fedasync', parameters: {}, mode: 'buffered' })).toBe('fedasync, buffered');
    expect([parametersText(krum), modeText(krum)]).toEqual(['byzantineMax 2, keepCount 5', 'round by round']);
  });
});
