import { useComputed } from '@preact/signals';
import type { ChorusEvent, HistoryEntry } from '../../../../src/domain/handle.ts';
import { events } from '../../state/live.ts';
import { moment } from '../../state/moment.ts';
import { timeOfDay } from '../../words/numbers.ts';
import { eventSentence, eventTone, type Tone } from '../../words/sentences.ts';

const shownMax = 60;

interface Line {
  id: number;
  atMs: number;
  tone: Tone;
  sentence: string;
}

function linesNow(newestFirst: readonly ChorusEvent[]): Line[] {
  const lines: Line[] = [];
  for (const event of newestFirst) {
    const sentence = eventSentence(event);
    if (sentence !== null) lines.push({ id: event.id, atMs: event.atMs, tone: eventTone(event), sentence });
    if (lines.length === shownMax) break;
  }
  return lines;
}

/** Events of a past moment are not kept; the log has their facts. */
const linesThen = (entries: readonly HistoryEntry[]): Line[] =>
  entries
    .toReversed()
    .map(({ seq, atMs, sentence }) => ({ id: seq, atMs, tone: 'calm', sentence: sentence.replace(/(?<![.…])$/, '.') }));

/** What happened last, in sentences. */
export function Happened() {
  const lines = useComputed(() => (moment.value ? linesThen(moment.value.entries) : linesNow(events.value))).value;
  return (
    <section class="card happened" aria-labelledby="happened-title">
      <h2 id="happened-title">What happened last</h2>
      {lines.length === 0 ? (
        <p class="faint">Nothing yet.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <ol class="scroll" tabIndex={0} aria-label="Events, newest first">
          {lines.map(({ id, atMs, tone, sentence }) => (
            <li key={id} class={`tone-${tone}`}>
              <time dateTime={new Date(atMs).toISOString()}>{timeOfDay(atMs)}</time>
              <span>{sentence}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
