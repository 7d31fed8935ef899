import type { ClientPart } from '../../../../src/dashboard/contract.ts';
import { api } from '../../api/api.ts';
import { Problem } from '../../api/problem.ts';
import { SelectionReason } from '../../parts/selection-reason.tsx';
import { AttemptText, Pill, Trouble } from '../../parts/small.tsx';
import { useAnswer } from '../../parts/use-answer.ts';
import { serverNow, status } from '../../state/live.ts';
import { moment as past } from '../../state/moment.ts';
import { hrefOf } from '../../state/route.ts';
import { ago, count, moment, plural } from '../../words/numbers.ts';
import { metricsText } from '../../words/plans.ts';
import { exclusionWords, midSentence, refusal, stateWords } from '../../words/sentences.ts';
import { stateTone } from './state-tone.ts';

/** The client as it is, or null when it is registered no more: it may have a history all the same. */
async function readClient(clientId: string, signal: AbortSignal) {
  try {
    return await api.client(clientId, signal);
  } catch (error) {
    if (error instanceof Problem && error.code === 'CLIENT_UNKNOWN') return null;
    throw error;
  }
}

/** It is read anew so long after each answer, ms. */
const readEveryMs = 2_000;

/** One client: what it is now, and its part in the last rounds. */
export function ClientDetail({ clientId }: { clientId: string }) {
  const { round = 0, phase = '', attempt = 0 } = status.value ?? {};
  const { answer, problem } = useAnswer(
    clientId,
    async (signal) => {
      const [client, history] = await Promise.all([readClient(clientId, signal), api.clientParts(clientId, signal)]);
      return { client, ...history };
    },
    readEveryMs,
  );
  // Why somebody was selected is told of the present run, and a client that has left was no candidate.
  const isPresent = past.value === null && answer?.client != null;
  return (
    <article class="client-detail">
      <header class="bar">
        <a href={hrefOf('clients')}>All clients</a>
        <h2>
          <code class="long-id">{clientId}</code>
        </h2>
        {answer?.client && <Pill tone={stateTone(answer.client.state)}>{stateWords[answer.client.state]}</Pill>}
        {answer && !answer.client && <Pill tone="warn">Not registered</Pill>}
      </header>
      {problem && <Trouble>{problem}</Trouble>}
      {answer?.client && <About client={answer.client} />}
      {isPresent && round > 0 && <SelectionReason round={round} clientId={clientId} version={`${attempt} ${phase}`} />}
      {answer && <Parts parts={answer.parts} searched={answer.attemptsSearched} />}
    </article>
  );
}

function About({ client }: { client: Awaited<ReturnType<typeof api.client>> }) {
  const rows: [string, string][] = [
    ['Now', client.waitingFor],
    ['Name', client.name ?? 'none given'],
    ['Last seen', ago(serverNow() - client.lastSeenAtMs)],
    ...Object.entries(client.attributes ?? {}).map(([key, value]): [string, string] => [key, String(value)]),
  ];
  return (
    <dl class="facts card">
      {rows.map(([name, text]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
  );
}

function Parts({ parts, searched }: { parts: readonly ClientPart[]; searched: number }) {
  const counted = parts.filter(
    ({ kind, outcome, isUnused }) => kind === 'training' && outcome === 'accepted' && !isUnused,
  );
  return (
    <section class="card" aria-labelledby="parts-title">
      <div class="bar">
        <h3 id="parts-title">Its rounds</h3>
        <span class="faint">
          in {count(parts.length)} of the last {plural(searched, 'attempt')}; {count(counted.length)} of its updates
          count
        </span>
      </div>
      {parts.length === 0 ? (
        <p class="faint">It was not selected in any of them.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <section class="scroll" tabIndex={0} aria-label="Rounds of this client, newest first">
          <table>
            <thead>
              <tr>
                <th scope="col">Round</th>
                <th scope="col">When</th>
                <th scope="col">Outcome</th>
                <th scope="col" class="num wide">
                  Examples
                </th>
                <th scope="col" class="wide">
                  Metrics
                </th>
              </tr>
            </thead>
            <tbody>
              {parts.map((part) => (
                <PartRow key={`${part.run} ${part.round} ${part.attempt}`} part={part} />
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  );
}

/** Who was not needed did nothing wrong. */
function toneOf(outcome: ClientPart['outcome']): string {
  if (outcome === 'accepted' || outcome === 'open') return '';
  return outcome === 'notNeeded' ? 'faint' : 'text-bad';
}

function PartRow({ part }: { part: ClientPart }) {
  const { run, round, attempt, kind, openedAtMs, atMs, outcome, isUnused, code, numExamples, metrics } = part;
  return (
    <tr>
      <th scope="row">
        <a href={hrefOf('rounds', run, round, attempt)}>
          {count(round)}
          <AttemptText attempt={attempt} kind={kind} />
        </a>
      </th>
      <td>{moment(atMs ?? openedAtMs, serverNow())}</td>
      <td class={toneOf(outcome)}>
        {outcome === 'accepted' && (isUnused ? 'Accepted, then left out by the strategy' : 'Accepted')}
        {outcome === 'open' && 'Selected, not settled yet'}
        {outcome !== 'accepted' && outcome !== 'open' && (exclusionWords[outcome] ?? outcome)}
        {code && `: ${midSentence(refusal(code))}`}
      </td>
      <td class="num wide">{numExamples === null ? '–' : count(numExamples)}</td>
      <td class="wide">{metricsText(metrics, 3) || '–'}</td>
    </tr>
  );
}
