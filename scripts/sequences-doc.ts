/**
 * Draws rounds of real simulated runs into `docs/img`: `npm run docs:sequences`. With `--check` nothing is written, and
 * the exit code is 1 when a file is stale.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { SimulationOptions } from '../src/testing/index.ts';
import { type RoundTrace, traceRound } from './sequences/round-trace.ts';
import { sequenceOf } from './sequences/sequence.ts';
import { renderSequence } from './sequences/svg.ts';

const folder = new URL('../docs/img/', import.meta.url);

interface Drawing {
  id: string;
  title: string;
  options: SimulationOptions;
  /** Which of the rounds that chance makes is drawn. */
  isWanted: (trace: RoundTrace) => boolean;
}

const plan = {
  // The second lets clients hear how the first ended.
  rounds: 2,
  initialModel: 'upload',
  heartbeatIntervalMs: 1_000,
  heartbeatTimeoutMs: 3_000,
  trainingWindowMs: 8_000,
} as const;

/** One client is lost in training and does not return in time, another is late, and nothing else happens. */
function hasLostAndLate({ exclusions, moments }: RoundTrace): boolean {
  const reasons = exclusions.map(({ reason }) => reason).sort();
  const end = moments.findIndex(({ what }) => what === 'round.committed');
  const first = moments.slice(0, end);
  const count = (what: string) => first.filter((moment) => moment.what.startsWith(what)).length;
  const crash = first.findIndex(({ what }) => what === 'crashes');
  const hadTicket = first
    .slice(0, crash)
    .some(({ who, what }) => who === first[crash]?.who && what === 'has the model');
  const happened = [count('crashes'), count('returns'), count('update.accepted')].join();
  return reasons.join() === 'heartbeatTimeout,straggler' && hadTicket && happened === '1,0,2';
}

const drawings: readonly Drawing[] = [
  {
    id: 'sequence-round',
    title: 'A round of three clients, as it was simulated.',
    options: { clients: 3, plan: { ...plan, minClients: 3 }, trainingMs: { from: 500, to: 4_000 } },
    isWanted: ({ exclusions }) => exclusions.length === 0,
  },
  {
    id: 'sequence-round-faults',
    title: 'A round with a quorum of two that loses a client, and closes without a straggler, as it was simulated.',
    options: {
      clients: 4,
      plan: { ...plan, minClients: 4, quorum: 2 },
      trainingMs: { from: 500, to: 4_000 },
      faults: { straggler: 0.5, clientCrash: 0.3 },
      faultsUntilMs: 6_000,
    },
    isWanted: hasLostAndLate,
  },
];

/** @returns what each drawing should hold, by file name. */
export async function sequenceFiles(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const { id, title, options, isWanted } of drawings) {
    const trace = await traceRound(options, isWanted);
    files.set(`${id}.svg`, renderSequence(sequenceOf(trace, { id, title })));
  }
  return files;
}

/** @returns names of those files that are missing or differ. */
export async function staleSequences(files: ReadonlyMap<string, string>): Promise<string[]> {
  const stale: string[] = [];
  for (const [name, expected] of files) {
    const found = await readFile(new URL(name, folder), 'utf8').catch(() => null);
    if (found !== expected) stale.push(name);
  }
  return stale;
}

async function main(): Promise<void> {
  if (process.argv.includes('--check')) {
    const stale = await staleSequences(await sequenceFiles());
    if (stale.length === 0) return;
    console.error(`Stale in docs/img: ${stale.join(', ')}. Run "npm run docs:sequences" and commit the result.`);
    process.exitCode = 1;
    return;
  }
  for (const [name, text] of await sequenceFiles()) await writeFile(new URL(name, folder), text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
