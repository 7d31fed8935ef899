import type { ChorusEvent } from '../../../../src/domain/handle.ts';
import type { InspectNote } from '../../../../src/inspect/feed.ts';
import { ClientLink } from '../../parts/small.tsx';
import { events } from '../../state/live.ts';
import { plural, timeOfDay } from '../../words/numbers.ts';
import { eventSentence } from '../../words/sentences.ts';
import { notes } from './machines.ts';
import { publishedAs } from './published.ts';

const shownMax = 12;
/** What was published so close to an event is about the same thing, ms. */
const sameMomentMs = 5;

interface SendersProps {
  machine: string;
  event: string;
  /** Whether the server tells each transition. */
  isLive: boolean;
}

/** Who sent an event the last times: the actor, and the client it was about. */
export function Senders({ machine, event, isLive }: SendersProps) {
  return (
    <section class="senders" aria-labelledby="senders-title" aria-live="polite">
      <h3 id="senders-title">Who sent {event}</h3>
      {isLive && machine !== 'client' ? <Sent {...{ machine, event }} /> : <Published event={event} />}
    </section>
  );
}

/** As the machines themselves tell it. */
function Sent({ machine, event }: { machine: string; event: string }) {
  const sent = notes.value.filter((note) => note.actor === machine && isNamed(note, event)).slice(0, shownMax);
  if (sent.length === 0) return <p class="faint">Not among the last transitions of this machine.</p>;
  return (
    <ol>
      {sent.map((note) => (
        <li key={note.id}>
          <time>{timeOfDay(note.atMs)}</time> {senderText(note)} <About atMs={note.atMs} type={typeOf(note)} />
        </li>
      ))}
    </ol>
  );
}

/** As far as the event stream tells it: what the server published when the event came. */
function Published({ event }: { event: string }) {
  const types = publishedAs(event);
  const told = events.value.filter(({ type }) => types.includes(type)).slice(0, shownMax);
  if (types.length === 0) {
    return <p class="faint">The event stream does not tell of it. Started with --inspect, the server does.</p>;
  }
  if (told.length === 0) return <p class="faint">Not among the last events.</p>;
  return (
    <ol>
      {told.map((one) => (
        <li key={one.id}>
          <time>{timeOfDay(one.atMs)}</time> {clientOf(one) ?? eventSentence(one) ?? membershipText(one)}
        </li>
      ))}
    </ol>
  );
}

const clientOf = ({ data }: ChorusEvent) =>
  typeof data.clientId === 'string' ? (
    <>
      about <ClientLink clientId={data.clientId} />
    </>
  ) : null;

/** The only event without a sentence: there are too many of it. */
const membershipText = ({ data }: ChorusEvent): string => `${plural(Number(data.population), 'client')} were there`;

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
  return near ? clientOf(near) : null;
}
