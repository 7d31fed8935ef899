import type { Chart, ChartEdge } from '../../../../src/inspect/chart.ts';
import { OperatorsOnly } from '../../parts/sign-in.tsx';
import { Countdown, Trouble, WindowBar } from '../../parts/small.tsx';
import { moment, shownStatus } from '../../state/moment.ts';
import { goTo, hrefOf } from '../../state/route.ts';
import { acceptedNow } from './active.ts';
import { Guards } from './guards.tsx';
import { Senders } from './senders.tsx';
import type { Active } from './use-active.ts';

interface AsideProps {
  chart: Chart;
  active: Active;
  isLive: boolean;
  clientId: string;
  /** The event whose senders are shown. */
  event: string | null;
  choose: (event: string | null) => void;
}

/** What the drawing cannot say: guards and their numbers, the delay that runs, and what the machine reacts to now. */
export function Aside({ chart, active, isLive, clientId, event, choose }: AsideProps) {
  const { states, isOver, problem } = active;
  const innermost = states.slice(1).map((id) => id.slice(chart.id.length + 1));
  return (
    <aside class="chart-aside card" aria-label={`The ${chart.id} now`}>
      <h2>{chart.id}</h2>
      <p class="state-line" aria-live="polite">
        {innermost.at(-1)?.replaceAll('.', ' › ') ?? absent(chart.id, clientId)}
      </p>
      {chart.id === 'client' && <ClientChoice clientId={clientId} />}
      {problem && <Trouble>{problem}</Trouble>}
      {isOver && <p class="faint">It has come to its end; the next round gets a machine of its own.</p>}
      {!isOver && (
        <>
          <Delay chart={chart} active={active} />
          <Guards machine={chart.id} active={active} />
          <Accepted {...{ chart, states, event, choose }} />
        </>
      )}
      {event !== null && <Senders machine={chart.id} event={event} isLive={isLive} />}
      {chart.id !== 'client' && <Source isLive={isLive} />}
    </aside>
  );
}

/** Where what is shown comes from, and how to see more. */
function Source({ isLive }: { isLive: boolean }) {
  if (moment.value) return <p class="note">As it stood at the past moment. Guards are told of the present only.</p>;
  return isLive ? (
    <p class="note">Live: each transition, as the machine itself tells it.</p>
  ) : (
    <p class="note">
      Read off the status a few times a second: states that last shorter, and the states within selecting, are not seen.
      Started with <code>--inspect</code>, the server tells each transition, who sent it, and what every guard says.
    </p>
  );
}

function absent(machine: string, clientId: string): string {
  if (machine === 'client') return clientId === '' ? 'Choose a client to see its state.' : 'Reading…';
  return machine === 'round' ? 'No round is open.' : 'Not started yet.';
}

function ClientChoice({ clientId }: { clientId: string }) {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const wanted = String(new FormData(event.currentTarget as HTMLFormElement).get('clientId') ?? '').trim();
    if (wanted !== '') goTo('charts', 'client', wanted);
  };
  return (
    <OperatorsOnly why="Which state a client is in is for operators.">
      <form onSubmit={submit}>
        <label for="chart-client">Client id</label>
        <div class="row">
          <input
            id="chart-client"
            name="clientId"
            defaultValue={clientId}
            autocomplete="off"
            spellcheck={false}
            maxLength={64}
            required
          />
          <button type="submit">Show</button>
        </div>
        {clientId === '' ? (
          <p class="note">Ids are in the Clients view.</p>
        ) : (
          <p>
            <a href={hrefOf('clients', clientId)}>Its rounds and attributes</a>
          </p>
        )}
      </form>
    </OperatorsOnly>
  );
}

/** What will happen: `trainingDeadline passes`. The innermost, where states within states have delays. */
const delayName = (chart: Chart, states: readonly string[]): string =>
  acceptedNow(chart, states)
    .find(({ kind }) => kind === 'delay')
    ?.event.replace(/ passed$/, ' passes') ?? 'Its delay runs out';

/** The delay that runs, from the machine's own context or else from the status. */
function Delay({ chart, active: { states, snapshot } }: { chart: Chart; active: Active }) {
  const waitingFor = shownStatus.value?.waitingFor;
  const context = snapshot?.context as { deadlineAtMs?: unknown; sinceMs?: unknown } | undefined;
  const isOfRound = chart.id === 'round' && states.length > 0;
  const deadlineAtMs = context ? context.deadlineAtMs : isOfRound ? waitingFor?.deadlineAtMs : null;
  const sinceMs = context ? context.sinceMs : waitingFor?.sinceMs;
  if (typeof deadlineAtMs !== 'number' || states.length === 0) return null;
  return (
    <div class="delay">
      <p>
        <span class="delay-name">{delayName(chart, states)}</span> in <Countdown toMs={deadlineAtMs} />
      </p>
      {typeof sinceMs === 'number' && <WindowBar fromMs={sinceMs} toMs={deadlineAtMs} label="Time used of the delay" />}
    </div>
  );
}

function Accepted({
  chart,
  states,
  event,
  choose,
}: Pick<AsideProps, 'chart' | 'event' | 'choose'> & { states: readonly string[] }) {
  const edges = acceptedNow(chart, states);
  const names = [...new Set(edges.map((edge) => edge.event))];
  const others = [...new Set(chart.edges.map((edge) => edge.event))].filter(
    (name) => name !== 'always' && !names.includes(name),
  );
  const choice = { event, choose };
  return (
    <section aria-labelledby="accepted-title">
      <h3 id="accepted-title">Reacts to</h3>
      <ul class="accepted">
        {names.map((name) => {
          const ways = edges.filter((edge) => edge.event === name);
          const guards = ways.flatMap(({ guard }) => (guard && guard !== 'else' ? [guard] : []));
          return (
            <li key={name} class={guards.length > 0 ? 'is-guarded' : ''}>
              <EventButton {...choice} name={name} kind={ways[0]?.kind ?? 'event'} />
              {guards.length > 0 && <span class="faint">if {guards.join(' or ')}</span>}
            </li>
          );
        })}
      </ul>
      {names.length === 0 && <p class="faint">Nothing, as it is.</p>}
      {others.length > 0 && (
        <details>
          <summary>Events of its other states</summary>
          <p class="other-events">
            {others.map((name) => (
              <EventButton
                key={name}
                {...choice}
                name={name}
                kind={chart.edges.find((edge) => edge.event === name)?.kind ?? 'event'}
              />
            ))}
          </p>
        </details>
      )}
    </section>
  );
}

function EventButton({
  name,
  kind,
  event,
  choose,
}: Pick<AsideProps, 'event' | 'choose'> & Pick<ChartEdge, 'kind'> & { name: string }) {
  return (
    <button
      type="button"
      class={`event kind-${kind}`}
      aria-pressed={event === name}
      onClick={() => choose(event === name ? null : name)}
    >
      {name}
    </button>
  );
}
