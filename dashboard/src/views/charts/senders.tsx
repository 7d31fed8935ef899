import type { ChorusEvent } from '../../../../src/domain/handle.ts';
import type { InspectNote } from '../../../../src/inspect/feed.ts';
import { ClientLink } from '../../parts/small.tsx';
import { events } from '../../state/live.ts';
import { timeOfDay } from '../../words/numbers.ts';
import { notes } from './machines.ts';

const shownMax = 12;
/** What was published so close to an event is about the same thing, ms. */
const sameMomentMs = 5;

/** Who sent an event the last times: the actor, and the client it was about. */
export function Senders({ machine, event, isLive }: { machine: string; event: string; isLive: boolean }) {
  const sent = isLive
    ? notes.value.filter((note) => note.actor === machine && isNamed(note, event)).slice(0, shownMax)
    : [];
  return (
    <section class="senders" aria-labelledby="senders-title" aria-live="polite">
      <h3 id="senders-title">Who sent {event}</h3>
      {!isLive && (
        <p class="faint">
          This server does not tell each transition; started with --inspect it does. What clients did is in the Run
          view.
        </p>
      )}
      {isLive && sent.length === 0 && <p class="faint">Not among the last transitions of this machine.</p>}
      <ol>
        {sent.map((note) => (
          <li key={note.id}>
            <time>{timeOfDay(note.atMs)}</time> {senderText(note)} <About atMs={note.atMs} type={typeOf(note)} />
          </li>
        ))}
      </ol>
    </section>
  );
}

const typeOf = ({ event }: InspectNote): string =>
  typeof event === 'object' && event !== null && 'type' in event ? String(event.type) : '';

/** Charts name some events as people do: see `readCause` in src/inspect/chart.ts. */
function isNamed(note: InspectNote, event: string): boolean {
  const type = typeOf(note);
  if (type === event) return true;
  if (type === 'deadline.passed') return event.endsWith(' passed');
  const [, actor] = /^(?:done|error): (.*)$/.exec(event) ?? [];
  return actor !== undefined && type.endsWith(`.actor.${actor}`);
}

const senderText = ({ sender }: InspectNote): string =>
  sender === null ? 'from the server, for a call from outside' : `from ${sender}`;

function About({ atMs, type }: { atMs: number; type: string }) {
  const isAbout = (one: ChorusEvent) =>
    Math.abs(one.atMs - atMs) <= sameMomentMs && typeof one.data.clientId === 'string';
  const near = events.value.find((one) => isAbout(one) && one.type === type) ?? events.value.find(isAbout);
  return near ? (
    <>
      about <ClientLink clientId={String(near.data.clientId)} />
    </>
  ) : null;
}
