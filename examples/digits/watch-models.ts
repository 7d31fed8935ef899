import type { RunNews } from './follow-run.ts';
import type { Judges } from './judges.ts';
import { roundLine } from './progress-lines.ts';
import type { WaitingNotes } from './waiting-notes.ts';

/** Between rounds, each fifth held-out digit does: 2,000. */
const quickEvery = 5;

export interface Watch {
  /** The coordinator's. */
  url: string;
  /** That the run is to have. */
  rounds: number;
  judges: Judges;
  notes: WaitingNotes;
  report: (line: string) => void;
  signal: AbortSignal;
}

/** Tests each new model quickly and tells of it. @returns how good the last was, on all held-out digits. */
export async function watchModels(
  news: AsyncIterable<RunNews>,
  { url, rounds, judges, notes, report, signal }: Watch,
): Promise<{ accuracy: number; rounds: number }> {
  let last: { round: number; model: Uint8Array | null } | null = null;
  let beganAtMs = Date.now();
  for await (const item of news) {
    notes.noteNews();
    if (item.kind === 'over') {
      if (item.runState === 'stopped') report('The run was stopped by an operator.');
      continue;
    }
    const { round, modelVersion, contributions, atMs } = item;
    const model = await fetchModel(url, modelVersion, signal);
    const score = model && (await judges.judge({ model, every: quickEvery }, signal));
    report(roundLine({ round, rounds, score, contributions, ms: Math.max(0, atMs - beganAtMs) }));
    beganAtMs = atMs;
    last = { round, model };
  }
  if (!last?.model) throw new Error('The run ended without a model that could be tested');
  const { accuracy } = await judges.judge({ model: last.model, every: 1 }, signal);
  return { accuracy, rounds: last.round };
}

/** A committed model's file; null when the server keeps it no longer. */
async function fetchModel(url: string, version: number, signal: AbortSignal): Promise<Uint8Array | null> {
  const response = await fetch(`${url}/v1/models/${version}`, { signal });
  if (response.status === 404) return null;
  if (!response.ok) throw new Error(`GET ${url}/v1/models/${version} was answered ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
