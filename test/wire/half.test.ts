import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bf16ToFloat32, f16ToFloat32, float32ToBf16, float32ToF16 } from '../../src/wire/half.ts';

interface Format {
  name: string;
  exponentBits: number;
  fractionBits: number;
  widen: (bits: number) => number;
  narrow: (value: number) => number;
}

const formats: Format[] = [
  { name: 'F16', exponentBits: 5, fractionBits: 10, widen: f16ToFloat32, narrow: float32ToF16 },
  { name: 'BF16', exponentBits: 8, fractionBits: 7, widen: bf16ToFloat32, narrow: float32ToBf16 },
];
const patterns = Array.from({ length: 65_536 }, (_, bits) => bits);

/** The value of a pattern, read off its digits as IEEE 754 defines it. */
function definedValue(bits: number, { exponentBits, fractionBits }: Format): number {
  const digits = bits.toString(2).padStart(16, '0');
  const sign = digits[0] === '1' ? -1 : 1;
  const exponent = Number.parseInt(digits.slice(1, 1 + exponentBits), 2);
  const fraction = Number.parseInt(digits.slice(1 + exponentBits), 2) / 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

/** Values of the patterns from 0 up; the one after the largest stands for infinity, as rounding sees it. */
function ladderOf(format: Format): number[] {
  const { exponentBits, fractionBits } = format;
  const infinity = (2 ** exponentBits - 1) * 2 ** fractionBits;
  return patterns
    .slice(0, infinity + 1)
    .map((bits) => (bits === infinity ? 2 ** (2 ** (exponentBits - 1)) : definedValue(bits, format)));
}

/** The nearest pattern, found by looking; on a tie the even one. */
function nearest(value: number, ladder: readonly number[]): number {
  const magnitude = Math.abs(value);
  const sign = Object.is(value, -0) || value < 0 ? 0x8000 : 0;
  let low = 0;
  let high = ladder.length - 1;
  if (magnitude >= at(ladder, high)) return sign | high;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (at(ladder, middle) <= magnitude) low = middle;
    else high = middle;
  }
  const tie = (at(ladder, low) + at(ladder, high)) / 2;
  if (magnitude === tie) return sign | (low % 2 === 0 ? low : high);
  return sign | (magnitude < tie ? low : high);
}

const at = (numbers: readonly number[], index: number): number => numbers[index] ?? Number.NaN;

/** The float64 next to a positive one. */
function neighbour(value: number, step: 1n | -1n): number {
  const words = new BigUint64Array(1);
  const floats = new Float64Array(words.buffer);
  floats[0] = value;
  words[0] = (words[0] ?? 0n) + step;
  return floats[0] ?? Number.NaN;
}

describe.each(formats)('$name', (format) => {
  const { widen, narrow } = format;
  const ladder = ladderOf(format);

  it('widens all 65,536 patterns as the standard defines them', () => {
    const wrong = patterns.filter((bits) => !Object.is(widen(bits), definedValue(bits, format)));
    expect(wrong).toEqual([]);
  });

  it('gives every pattern back, and keeps NaN a NaN', () => {
    const wrong = patterns.filter((bits) => {
      const value = widen(bits);
      return Number.isNaN(value) ? !Number.isNaN(widen(narrow(value))) : narrow(value) !== bits;
    });
    expect(wrong).toEqual([]);
  });

  it('rounds a value half way between two neighbours to the even one', () => {
    const wrong = ladder.slice(1).filter((upper, low) => {
      const tie = (at(ladder, low) + upper) / 2;
      const even = low % 2 === 0 ? low : low + 1;
      return narrow(tie) !== even || narrow(-tie) !== (0x8000 | even);
    });
    expect(wrong).toEqual([]);
  });

  it('rounds what lies a hair off half way to the nearer neighbour, although float32 cannot tell the two apart', () => {
    const wrong = ladder.slice(1).filter((upper, low) => {
      const tie = (at(ladder, low) + upper) / 2;
      return narrow(neighbour(tie, -1n)) !== low || narrow(neighbour(tie, 1n)) !== low + 1;
    });
    expect(wrong).toEqual([]);
  });

  it('rounds any number to the nearest', () => {
    fc.assert(
      fc.property(fc.oneof(fc.double({ noNaN: true }), fc.float({ noNaN: true })), (value) => {
        expect(narrow(value)).toBe(nearest(value, ladder));
      }),
      { numRuns: 2_000 },
    );
  });
});
