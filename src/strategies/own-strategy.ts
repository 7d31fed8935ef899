import { type SettingTable, settingProblem } from '../domain/settings.ts';
import type { OwnStrategyFacts } from '../domain/strategy-choice.ts';

/** Values of some coordinates, the same ones in every array. The arrays are copies, and may be written to. */
export interface OwnStep<Parameters> {
  /** The global model that clients started from. */
  readonly base: Float64Array;
  /** The weighted mean of the updates − base. */
  readonly delta: Float64Array;
  /** One array for each slot, in their order, as the round before left them. */
  readonly state: readonly Float64Array[];
  readonly parameters: Parameters;
}

/** What a step came to: as many numbers in each array as were given, all finite. */
export interface OwnStepped {
  /** The next model. */
  readonly next: ArrayLike<number>;
  /** One array for each slot, for the next round. May be left out where there are none. */
  readonly state?: readonly ArrayLike<number>[];
}

/** A strategy that sees the mean of a round: what it returns is the next model. */
export interface OwnRunningStrategy<Parameters> {
  readonly kind: 'running';
  /** What its parameters may be; none when left out. */
  readonly settings?: SettingTable;
  /** What it keeps from round to round: one float64 for each parameter of the model and slot. Part of the checkpoint. */
  readonly slots?: readonly { readonly name: string; readonly initial: number }[];
  /** Asked for some coordinates after others, in any order and on any thread: each coordinate for itself. */
  step(tile: OwnStep<Parameters>): OwnStepped;
}

/** Values of some coordinates of every update. The arrays are copies, and may be written to. */
export interface OwnTile<Parameters> {
  /** One array for each contribution, in the order of their acceptance. */
  readonly values: readonly Float64Array[];
  /** Their numbers of examples, in the same order. */
  readonly weights: readonly number[];
  readonly parameters: Parameters;
}

/** A strategy that sees the updates of a round side by side: what it returns is their aggregate. */
export interface OwnGatheringStrategy<Parameters> {
  readonly kind: 'gathering';
  /** What its parameters may be; none when left out. */
  readonly settings?: SettingTable;
  /** Rounds with fewer contributions are not committed. @default 1 */
  readonly contributionsMin?: number;
  /** Asked for some coordinates after others, in any order and on any thread: each coordinate for itself. */
  combine(tile: OwnTile<Parameters>): ArrayLike<number>;
}

/** The default export of a module with a strategy of one's own. */
export type OwnStrategy<Parameters> = OwnRunningStrategy<Parameters> | OwnGatheringStrategy<Parameters>;

/** Whatever its parameters are: they are checked against `settings` before it is asked. */
export type AnyOwnStrategy = OwnStrategy<never>;

/** Changes nothing; it is there for the types. */
export const defineOwnStrategy = <Parameters>(strategy: OwnStrategy<Parameters>): OwnStrategy<Parameters> => strategy;

/** A strategy that the server was given cannot be used: a sentence says why. */
export class StrategyUnusable extends Error {
  override readonly name = 'StrategyUnusable';
}

/** Each costs 8 bytes for each parameter of the model. */
const slotsMax = 8;
const slotNamePattern = /^[A-Za-z][\w-]{0,63}$/;
const settingKinds: readonly string[] = ['integer', 'number', 'choice', 'boolean', 'text'];

/**
 * Holds what a module exports, or a program gives, against what a strategy must be.
 * @param url of its module; null: it is in this thread. @throws {TypeError} a sentence without its subject
 */
export function ownFactsOf(candidate: unknown, url: string | null): OwnStrategyFacts {
  if (typeof candidate !== 'object' || candidate === null) throw new TypeError('it has no default export');
  const { kind, settings = {}, slots = [], contributionsMin = 1, ...rest } = candidate as Record<string, unknown>;
  if (kind !== 'running' && kind !== 'gathering') throw new TypeError('its kind is neither "running" nor "gathering"');
  const [act, others] = kind === 'running' ? (['step', 'combine'] as const) : (['combine', 'step'] as const);
  if (typeof rest[act] !== 'function') throw new TypeError(`it is ${kind}, and has no function "${act}"`);
  if (others in rest) throw new TypeError(`it is ${kind}, and "${others}" is never asked`);
  if (!isSettingTable(settings)) throw new TypeError('its settings are no table of settings');
  if (!isSlots(slots) || (kind === 'gathering' && slots.length > 0)) {
    throw new TypeError(`its slots are not at most ${slotsMax} names with initial numbers, of a running strategy`);
  }
  if (!isCount(contributionsMin)) throw new TypeError('its contributionsMin is no whole number from 1');
  return {
    ...{ kind, url, contributionsMin },
    // Nothing of it but data.
    settings: structuredClone(settings),
    slots: slots.map(({ name, initial }) => ({ name, initial })),
  };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1;

const isSettingTable = (value: unknown): value is SettingTable =>
  typeof value === 'object' &&
  value !== null &&
  Object.entries(value as Record<string, unknown>).every(([name, spec]) => {
    if (typeof spec !== 'object' || spec === null) return false;
    const { kind, help, default: usual = null } = spec as Record<string, unknown>;
    const isKnown = typeof help === 'string' && settingKinds.includes(String(kind));
    return isKnown && settingProblem(name, spec as SettingTable[string], usual) === null;
  });

function isSlots(value: unknown): value is { name: string; initial: number }[] {
  if (!Array.isArray(value) || value.length > slotsMax) return false;
  const slots: unknown[] = value;
  const names = new Set<string>();
  return slots.every((slot) => {
    if (typeof slot !== 'object' || slot === null) return false;
    const { name, initial } = slot as Record<string, unknown>;
    const isNew = typeof name === 'string' && slotNamePattern.test(name) && !names.has(name);
    names.add(String(name));
    return isNew && Number.isFinite(initial);
  });
}

/** Takes a step, and looks at what it came to. @throws {TypeError} what is wrong with it; whatever the strategy throws */
export function takeOwnStep(
  strategy: AnyOwnStrategy,
  tile: OwnStep<unknown>,
): { next: Float64Array; state: Float64Array[] } {
  if (strategy.kind !== 'running') throw new TypeError('it is not running any more');
  const count = tile.base.length;
  // Counted before: the arrays are the strategy's.
  const slots = tile.state.length;
  const { next, state = [] } = shapeOf(strategy.step(tile as OwnStep<never>));
  if (!Array.isArray(state) || state.length !== slots) {
    throw new TypeError(
      `its step returned ${Array.isArray(state) ? state.length : 'no'} arrays of state, not ${slots}`,
    );
  }
  return {
    next: numbersOf(next, count, 'next'),
    state: state.map((values) => numbersOf(values, count, 'state')),
  };
}

/** Combines updates, and looks at what came of it. @throws {TypeError} what is wrong with it; whatever the strategy throws */
export function combineByOwn(strategy: AnyOwnStrategy, tile: OwnTile<unknown>): Float64Array {
  if (strategy.kind !== 'gathering') throw new TypeError('it is not gathering any more');
  const count = tile.values[0]?.length ?? 0;
  return numbersOf(strategy.combine(tile as OwnTile<never>), count, 'the aggregate');
}

function shapeOf(stepped: unknown): { next?: unknown; state?: unknown } {
  if (typeof stepped !== 'object' || stepped === null) throw new TypeError('its step returned no { next, state }');
  return stepped;
}

/** @returns the numbers, in an array of their own. @throws {TypeError} they are too few, too many, or not finite. */
function numbersOf(values: unknown, count: number, what: string): Float64Array {
  if (!Array.isArray(values) && !ArrayBuffer.isView(values)) throw new TypeError(`it returned no numbers for ${what}`);
  const { length } = values as unknown as ArrayLike<number>;
  if (length !== count) throw new TypeError(`it returned ${length} values for ${what}, not ${count}`);
  const numbers = Float64Array.from(values as unknown as ArrayLike<number>);
  const bad = numbers.findIndex((value) => !Number.isFinite(value));
  if (bad !== -1) throw new TypeError(`it returned ${numbers[bad]} for ${what}`);
  return numbers;
}
