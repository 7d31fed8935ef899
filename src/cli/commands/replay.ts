import { once } from 'node:events';
import type { DataFolder } from '../../audit/data-folder.ts';
import { beginReplay, follow, type Replayed } from '../../history/replay.ts';
import { sentenceOf } from '../../history/sentence.ts';
import { statusOf } from '../../history/situation.ts';
import { grouped, printable, timestamp } from '../render/format.ts';
import { ProgressLine } from '../render/progress.ts';
import { statusLines } from '../render/status.ts';
import { styleFor } from '../render/style.ts';
import { Timeline } from '../render/timeline.ts';
import { withHistory } from './open-history.ts';
import { print, printJson } from './output.ts';

/** Contributions of the open attempt that are named. */
const contributionsNamedMax = 10;

export interface ReplayOptions {
  /** The last fact to be looked at. */
  until?: number;
  all?: boolean;
  json?: boolean;
}

/** `chorus replay`: what happened in a data folder, and where things stood after it. Only reads. */
export async function showReplay(dataDir: string, options: ReplayOptions): Promise<void> {
  await withHistory(dataDir, async (folder) => {
    const replayed = beginReplay();
    const notes: string[] = [];
    const facts = await readFacts(folder, replayed, options, (note) => notes.push(note));
    const { history } = replayed;
    if (options.json) {
      const { seq, atMs, open } = history;
      printJson({ dataDir, facts, seq, atMs, status: statusOf(replayed), open: open?.record ?? null, notes });
      return;
    }
    for (const note of notes) process.stderr.write(`chorus: ${note}\n`);
    print(stateLines(replayed).join('\n'));
    if (options.until !== undefined && options.until > history.seq) {
      print(`\nThere is no fact ${options.until}: the history ends here.`);
    }
  });
}

/** Shows fact by fact. @returns how many there were. */
async function readFacts(
  folder: DataFolder,
  replayed: Replayed,
  { until, all = false, json = false }: ReplayOptions,
  onNote: (note: string) => void,
): Promise<number> {
  const timeline = new Timeline(styleFor(process.stdout), all);
  const progress = new ProgressLine({ stream: process.stderr, now: () => performance.now() });
  let facts = 0;
  let openBefore = groupOf(replayed);
  for await (const { seq, atMs, fact } of follow(folder.entries(onNote), replayed, until)) {
    facts += 1;
    const open = groupOf(replayed);
    // What ends an attempt is the last of its facts.
    const group = openBefore ?? open ?? 'No round open';
    openBefore = open;
    if (!json) await write(timeline.add({ seq, atMs, group, sentence: sentenceOf(fact) }), progress);
    progress.show(() => `${grouped(facts)} facts`);
  }
  progress.clear();
  if (!json) await write([...timeline.end(), ''], progress);
  return facts;
}

function groupOf({ history: { open } }: Replayed): string | null {
  return open && `Round ${open.record.round}, attempt ${open.record.attempt}`;
}

/** Waits for a reader that is slower than the journal. */
async function write(lines: readonly string[], progress: ProgressLine): Promise<void> {
  if (lines.length === 0) return;
  progress.clear();
  if (!process.stdout.write(`${lines.join('\n')}\n`)) await once(process.stdout, 'drain');
}

function stateLines(replayed: Replayed): string[] {
  const { history } = replayed;
  const style = styleFor(process.stdout);
  if (history.seq === 0) return ['Nothing happened yet.'];
  const title = style.strong(`After fact ${history.seq}, ${timestamp(history.atMs)}`);
  const status = { ...statusOf(replayed), aggregator: 'idle', uptimeMs: 0 };
  const lines = [title, ...statusLines(status, history.atMs, style)];
  const accepted = history.open?.record.contributions ?? [];
  if (accepted.length > 0) {
    const named = accepted.slice(0, contributionsNamedMax).map(({ clientId }) => `${printable(clientId).slice(0, 8)}…`);
    const more = accepted.length > named.length ? ` and ${accepted.length - named.length} more` : '';
    lines.push(`${style.faint('Accepted  ')} ${named.join(', ')}${more}, in this order`);
  }
  return lines;
}
