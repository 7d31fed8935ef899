/** One round of a real seeded simulation, read back from its transcript. */
import { createSimulation, type SimulationOptions } from '../../src/testing/index.ts';

/** A line of the transcript, taken apart. */
export interface Moment {
  atMs: number;
  who: string;
  what: string;
  /** What the line tells beside; an empty object when that is nothing, or text. */
  about: Readonly<Record<string, unknown>>;
}

export interface RoundTrace {
  seed: number;
  moments: Moment[];
  /** Who was registered under each id, in the order of their names. */
  names: ReadonlyMap<string, string>;
  /** Whose contribution did not come, with the reason and the simulated time. */
  exclusions: { who: string; reason: string; atMs: number }[];
}

/** Seeds that are tried for a round of the kind that is wanted. */
const seedsMax = 2_000;
/** When simulated time begins, Unix ms. */
const startAtMs = Date.UTC(2020, 0, 1);

/** @returns simulated time of a wall-clock time, ms. */
export const simulatedMs = (wallMs: number): number => wallMs - startAtMs;

/**
 * Round 1 of the first seed in which it is committed at the first attempt, and is as it is wanted.
 * @throws {Error} when no seed gives such a round.
 */
export async function traceRound(
  options: SimulationOptions,
  isWanted: (trace: RoundTrace) => boolean,
): Promise<RoundTrace> {
  for (let seed = 1; seed <= seedsMax; seed += 1) {
    const simulation = createSimulation({ ...options, seed });
    const { violation } = await simulation.explore();
    const record = simulation.handle?.rounds(1_000).find(({ round, attempt }) => round === 1 && attempt === 1);
    if (violation || record?.phase !== 'committed') continue;
    const moments = simulation.transcript.map(parseLine);
    const names = namesIn(simulation.transcript);
    const exclusions = record.exclusions.map(({ clientId, reason, atMs }) => ({
      who: names.get(clientId) ?? clientId,
      reason,
      atMs: simulatedMs(atMs),
    }));
    const trace = { seed, moments, names, exclusions };
    if (isWanted(trace)) return trace;
  }
  throw new Error(`None of ${seedsMax} seeds gives a round that is wanted`);
}

/** @throws {Error} when the line has another form. */
function parseLine(line: string): Moment {
  const found = /^ *(?<atMs>[\d.]+) ms {2}(?<who>.{10}) (?<what>[^{]*?)(?: (?<about>\{.*\}))?$/s.exec(line);
  if (!found?.groups) throw new Error(`Not a line of a transcript: ${line}`);
  const { atMs, who = '', what = '', about = '{}' } = found.groups;
  return { atMs: Number(atMs), who: who.trim(), what, about: JSON.parse(about) };
}

function namesIn(transcript: readonly string[]): Map<string, string> {
  const found = transcript.flatMap((line) => {
    const [, name, id] = /(client \d+) +is registered (\S+)$/.exec(line) ?? [];
    return name !== undefined && id !== undefined ? [[id, name] as const] : [];
  });
  return new Map(found.sort(([, one], [, other]) => one.localeCompare(other, 'en', { numeric: true })));
}
