import type { Clock } from '../domain/clock.ts';
import { ChorusError } from '../domain/errors.ts';
import { dtypes } from '../domain/model.ts';
import type { OwnStrategyFacts, StrategyChoice } from '../domain/strategy-choice.ts';
import { type AnyOwnStrategy, combineByOwn, takeOwnStep } from '../strategies/own-strategy.ts';
import type { GatheredRows, Laid, SumRange } from './fold-task.ts';
import { decoded } from './kernels/robust-reference.ts';
import { stateValues } from './optimiser-step.ts';
import { bufferOf, type Span } from './shared-memory.ts';
import { widen } from './widen.ts';

/** Values that a strategy of one's own is shown at a time: copies, since what it is given it may keep and write to. */
const tileElements = 8_192;
const valueBytes = Float64Array.BYTES_PER_ELEMENT;

/** Which strategy is asked, and with what parameters. */
interface OwnTask {
  name: string;
  facts: OwnStrategyFacts;
  parameters: Record<string, unknown>;
}

/** A step over a range of the model. Shared memory is read only: whatever becomes of the strategy, nothing is spoilt. */
export interface OwnStepTask extends OwnTask {
  range: SumRange;
  /** Σ weightᵢ · updateᵢ in this range, float64. */
  sum: Span;
  /** > 0; the mean is `sum / divisor + baseShare · base`. */
  divisor: number;
  baseShare: number;
  base: Laid;
  /** The file with its state; null: it begins now. */
  state: SharedArrayBuffer | null;
  /** Of the whole model. */
  elements: number;
}

/** What a step made of its range. */
export interface OwnStepResult {
  next: Float64Array;
  /** One array for each slot. */
  state: Float64Array[];
}

/** A combination of all updates in a range of the model; shared memory is read only. */
export interface OwnCombineTask extends OwnTask {
  rows: GatheredRows;
  /** In the order of the rows. */
  weights: number[];
  /** Values in the range. */
  count: number;
}

/** Asks strategies of one's own, wherever they are. */
export interface OwnRunner {
  /** How many ranges may be worked on at once. */
  readonly threads: number;
  /** @param signal ends it, where that can be done. @throws whatever is wrong with the strategy */
  step(task: OwnStepTask, signal: AbortSignal): Promise<OwnStepResult>;
  combine(task: OwnCombineTask, signal: AbortSignal): Promise<Float64Array>;
  close(): Promise<void>;
}

/** @throws {TypeError} what it returned is wrong; whatever the strategy throws */
export function stepRange(strategy: AnyOwnStrategy, task: OwnStepTask): OwnStepResult {
  const { range, sum, divisor, baseShare, base, facts, parameters } = task;
  const count = range.to - range.from;
  const next = new Float64Array(count);
  const state = facts.slots.map(() => new Float64Array(count));
  for (let at = 0; at < count; at += tileElements) {
    const length = Math.min(tileElements, count - at);
    const tile = { from: range.from + at, to: range.from + at + length };
    const origin = new Float64Array(length);
    widen(base, tile, origin);
    const delta = new Float64Array(bufferOf(sum.arena), sum.at + at * valueBytes, length).map(
      (value, index) => value / divisor + baseShare * (origin[index] ?? 0),
    );
    const before = facts.slots.map(({ initial }, slot) => slotValues(task, slot, tile, initial));
    const stepped = takeOwnStep(strategy, { base: origin, delta, state: before, parameters });
    next.set(stepped.next, at);
    for (const [slot, values] of stepped.state.entries()) state[slot]?.set(values, at);
  }
  return { next, state };
}

function slotValues({ state, elements, facts }: OwnStepTask, slot: number, { from, to }: SumRange, initial: number) {
  if (!state) return new Float64Array(to - from).fill(initial);
  return stateValues(state, facts.slots.length * elements, { from: slot * elements + from, to: slot * elements + to });
}

/** @throws {TypeError} what it returned is wrong; whatever the strategy throws */
export function combineRows(
  strategy: AnyOwnStrategy,
  { rows, weights, count, parameters }: OwnCombineTask,
): Float64Array {
  const into = new Float64Array(count);
  for (const { dtype, byteOffset, count: length, at } of rows.runs) {
    for (let from = 0; from < length; from += tileElements) {
      const here = Math.min(tileElements, length - from);
      const offset = byteOffset + from * dtypes[dtype];
      const values = rows.updates.map((row) => decoded(dtype, { arena: row.arena, at: row.at + offset }, here));
      into.set(combineByOwn(strategy, { values, weights: [...weights], parameters }), at + from);
    }
  }
  return into;
}

/** What a round's work with a strategy of one's own needs. */
export interface OwnWork {
  runner: OwnRunner;
  clock: Clock;
  /** How long it may take, ms. */
  msMax: number;
}

/**
 * Lets a strategy of one's own do its part of a round, within its time.
 * @param act must end when its signal is aborted, as far as it can. @throws STRATEGY_FAILED, naming the strategy
 */
export async function withinItsTime<T>(
  { name }: StrategyChoice,
  { clock, msMax }: OwnWork,
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ending = new AbortController();
  const timer = clock.setTimeout(() => ending.abort(), msMax);
  try {
    return await act(ending.signal);
  } catch (error) {
    const why = ending.signal.aborted ? `it took longer than ${msMax} ms` : messageOf(error);
    throw new ChorusError('STRATEGY_FAILED', `The strategy "${name}" failed: ${why}`, { cause: error });
  } finally {
    clock.clearTimeout(timer);
    // Nobody waits for what is still under way.
    ending.abort();
  }
}

/** Characters of a strategy's own message that are passed on. */
const messageLengthMax = 300;

const messageOf = (error: unknown): string => {
  const text = error instanceof Error ? error.message : String(error);
  return text.slice(0, messageLengthMax);
};
