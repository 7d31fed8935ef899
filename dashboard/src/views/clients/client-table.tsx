import { useState } from 'preact/hooks';
import type { ClientCounts, ClientView } from '../../../../src/domain/client.ts';
import { api } from '../../api/api.ts';
import { Pill, Trouble } from '../../parts/small.tsx';
import { useAnswer } from '../../parts/use-answer.ts';
import { serverNow, status } from '../../state/live.ts';
import { goTo, hrefOf } from '../../state/route.ts';
import { ago, count, shortCount, shortId } from '../../words/numbers.ts';
import { stateWords } from '../../words/sentences.ts';
import { stateTone } from './state-tone.ts';

type State = keyof ClientCounts;
const states = Object.keys(stateWords) as State[];
const pageSize = 50;
/** What clients are changes all the time: the page that is looked at is read anew so long after each answer, ms. */
const readEveryMs = 2_000;

export function ClientTable() {
  const [state, setState] = useState<State | null>(null);
  /** Where each page so far began; the last is the page shown. */
  const [cursors, setCursors] = useState<(string | null)[]>([null]);
  const cursor = cursors.at(-1) ?? null;
  const { answer, problem, isPending } = useAnswer(
    `${state} ${cursor}`,
    (signal) => api.clients({ state, limit: pageSize, cursor }, signal),
    readEveryMs,
  );
  const choose = (chosen: State | null) => {
    setState(chosen);
    setCursors([null]);
  };
  const { counts, population = 0 } = status.value ?? {};
  const found = state === null ? population : (counts?.[state] ?? 0);
  const next = answer?.cursor ?? null;
  return (
    <section class="card clients">
      <div class="bar">
        <h2>Clients</h2>
        <Find />
      </div>
      <fieldset class="chips">
        <legend class="sr-only">Show clients that are</legend>
        <Chip label="All" some={population} isOn={state === null} choose={() => choose(null)} />
        {states.map((one) => (
          <Chip
            key={one}
            label={stateWords[one]}
            some={counts?.[one] ?? 0}
            isOn={state === one}
            choose={() => choose(one)}
          />
        ))}
      </fieldset>
      {problem && <Trouble>{problem}</Trouble>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="scroll" tabIndex={0} aria-label="Clients" aria-busy={isPending}>
        <table>
          <thead>
            <tr>
              <th scope="col">Client</th>
              <th scope="col">State</th>
              <th scope="col" class="num">
                Last seen
              </th>
              <th scope="col" class="wide">
                Attributes
              </th>
            </tr>
          </thead>
          <tbody>
            {(answer?.clients ?? []).map((client) => (
              <Row key={client.clientId} client={client} />
            ))}
          </tbody>
        </table>
      </section>
      {answer && answer.clients.length === 0 && <p class="faint">No client is in this state now.</p>}
      <nav class="pager" aria-label="Pages">
        <button type="button" disabled={cursors.length === 1} onClick={() => setCursors(cursors.slice(0, -1))}>
          Previous
        </button>
        <span>
          Page {count(cursors.length)} of about {count(Math.max(1, Math.ceil(found / pageSize)))}
        </span>
        <button type="button" disabled={next === null} onClick={() => setCursors([...cursors, next])}>
          Next
        </button>
      </nav>
    </section>
  );
}

function Chip(props: { label: string; some: number; isOn: boolean; choose: () => void }) {
  const { label, some, isOn, choose } = props;
  return (
    <button type="button" class="chip" aria-pressed={isOn} onClick={choose}>
      {label} <b>{shortCount(some)}</b>
    </button>
  );
}

/** Goes to a client by its id: with a million of them, nobody pages. */
function Find() {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const wanted = String(new FormData(event.currentTarget as HTMLFormElement).get('clientId') ?? '').trim();
    if (wanted !== '') goTo('clients', wanted);
  };
  return (
    <form class="row grow-left" onSubmit={submit}>
      <label class="sr-only" for="find-client">
        Client id
      </label>
      <input
        id="find-client"
        name="clientId"
        placeholder="Client id"
        autocomplete="off"
        spellcheck={false}
        maxLength={64}
      />
      <button type="submit">Open</button>
    </form>
  );
}

function Row({ client: { clientId, name, state, lastSeenAtMs, attributes = {} } }: { client: ClientView }) {
  return (
    <tr>
      <th scope="row">
        <a class="id" href={hrefOf('clients', clientId)}>
          <span class="wide">{clientId}</span>
          <span class="narrow">{shortId(clientId)}</span>
        </a>
        {name && <span class="faint name">{name}</span>}
      </th>
      <td>
        <Pill tone={stateTone(state)}>{stateWords[state]}</Pill>
      </td>
      <td class="num">{ago(serverNow() - lastSeenAtMs)}</td>
      <td class="wide faint">
        {Object.entries(attributes)
          .map(([key, value]) => `${key} ${value}`)
          .join(', ')}
      </td>
    </tr>
  );
}
