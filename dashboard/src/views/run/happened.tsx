import { useMemo } from 'preact/hooks';
import { shownEvents } from '../../state/moment.ts';
import { timeOfDay } from '../../words/numbers.ts';
import { eventSentence, eventTone } from '../../words/sentences.ts';

const shownMax = 60;

/** What happened last, in sentences. */
export function Happened() {
  const events = shownEvents.value;
  const lines = useMemo(() => {
    const told = events.map((event) => ({ event, sentence: eventSentence(event) }));
    return told.filter(({ sentence }) => sentence !== null).slice(0, shownMax);
  }, [events]);
  return (
    <section class="card happened" aria-labelledby="happened-title">
      <h2 id="happened-title">What happened last</h2>
      {lines.length === 0 ? (
        <p class="faint">Nothing yet.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <ol class="scroll" tabIndex={0} aria-label="Events, newest first">
          {lines.map(({ event, sentence }) => (
            <li key={event.id} class={`tone-${eventTone(event)}`}>
              <time dateTime={new Date(event.atMs).toISOString()}>{timeOfDay(event.atMs)}</time>
              <span>{sentence}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
