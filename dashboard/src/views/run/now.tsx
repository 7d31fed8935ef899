import type { Status } from '../../../../src/domain/handle.ts';
import { contributionsWanted } from '../../../../src/domain/plan.ts';
import { ClientLink, Countdown, Pill, WindowBar } from '../../parts/small.tsx';
import { planOfRun, shownStatus } from '../../state/moment.ts';
import { count, plural } from '../../words/numbers.ts';
import { phaseText, phaseWords, runTones } from '../../words/sentences.ts';

/** Clients that the sentence itself names; see `names` in src/domain/explain.ts. */
const namedMax = 5;
/** In these there is no round to wait for. */
const atRest: readonly Status['runState'][] = ['idle', 'paused', 'finished', 'stopped'];
const steps = ['selecting', 'training', 'aggregating', 'committing'] as const;

/** Of a summary, what is waited for: what happens at the deadline is told beside it, with a countdown. */
const waitingLine = ({ summary, deadlineAtMs }: Status['waitingFor']): string =>
  deadlineAtMs === null ? summary : summary.replace(/; at \d\d:\d\d:\d\d UTC .*$/s, '.');

/** The answer to "why is this round waiting?", and when it ends. */
export function Now() {
  const status = shownStatus.value;
  if (!status) return <section class="now card is-loading" aria-label="Now" />;
  const { waitingFor, phase, kind, runState, round, roundsTotal, attempt } = status;
  const { deadlineAtMs, sinceMs, next, clients, clientsTotal } = waitingFor;
  return (
    <section class={`now card ${atRest.includes(runState) ? 'is-calm' : ''}`} aria-label="Now">
      <div class="now-head">
        <h2>
          {round > 0 ? (
            <>
              Round {count(round)} <span class="faint">of {count(roundsTotal)}</span>
            </>
          ) : (
            'No round yet'
          )}
        </h2>
        <Pill tone={runTones[runState]}>{phaseWords[runState]}</Pill>
        {attempt > 1 && kind !== 'evaluation' && <Pill tone="warn">attempt {attempt}</Pill>}
        {kind === 'evaluation' && <Pill tone="calm">evaluation</Pill>}
        <Steps phase={phase} kind={kind} />
      </div>
      <div class="now-why">
        <p class="waiting" id="waiting">
          <Sentence text={waitingLine(waitingFor)} clients={clients} />
        </p>
        {clientsTotal > namedMax && (
          <details class="waited-for">
            <summary>All {plural(clientsTotal, 'client')} that are waited for</summary>
            <p>
              {clients.map((clientId) => (
                <ClientLink key={clientId} clientId={clientId} />
              ))}
              {clientsTotal > clients.length && (
                <span class="faint">and {count(clientsTotal - clients.length)} more</span>
              )}
            </p>
          </details>
        )}
      </div>
      <div class="now-how-far">
        <Contributions status={status} />
        {deadlineAtMs !== null && (
          <div class="gives-up">
            <WindowBar fromMs={sinceMs} toMs={deadlineAtMs} label="Time used of this window" />
            <p>
              <Countdown toMs={deadlineAtMs} /> left; then {next}.
            </p>
          </div>
        )}
      </div>
    </section>
  );
}

/** The sentence, with the clients that it names as links. */
function Sentence({ text, clients }: { text: string; clients: readonly string[] }) {
  return (
    <>
      {text.split(/([0-9a-f]{8})…/).map((part, index) => {
        const clientId = index % 2 === 1 ? clients.find((one) => one.startsWith(part)) : undefined;
        return clientId ? <ClientLink key={part} clientId={clientId} /> : part;
      })}
    </>
  );
}

function Steps({ phase, kind }: Pick<Status, 'phase' | 'kind'>) {
  const at = (steps as readonly string[]).indexOf(phase);
  if (at === -1) return null;
  return (
    <ol class="steps" aria-label="Phases of a round">
      {steps.map((step, index) => (
        <li
          key={step}
          class={index < at ? 'is-past' : index === at ? 'is-now' : ''}
          aria-current={index === at ? 'step' : undefined}
        >
          {phaseText(step, kind)}
        </li>
      ))}
    </ol>
  );
}

/** With over-selection the round closes at fewer contributions than it has selected clients. */
function wantedOf({ target, kind, waitingFor }: Status): number | null {
  if (waitingFor.guard?.name === 'mayClose') return waitingFor.guard.need;
  const plan = planOfRun.value;
  return plan && target !== null && kind === 'training' ? contributionsWanted(plan, target) : target;
}

/** Contributions on the way to what is wanted, with a mark at the quorum. */
function Contributions({ status }: { status: Status }) {
  const { contributions, quorum, phase, kind } = status;
  const target = wantedOf(status);
  if (target === null || quorum === null || phase === 'selecting') return null;
  const wanted = Math.max(target, quorum, contributions, 1);
  const what = kind === 'evaluation' ? 'results' : 'contributions';
  const text = `${count(contributions)} of ${count(target)} ${what}, quorum ${count(quorum)}`;
  return (
    <div class="contributions">
      <svg viewBox="0 0 1000 12" preserveAspectRatio="none" role="img" aria-label={text}>
        <rect class="track" width="1000" height="12" />
        <rect class="done" width={(1_000 * contributions) / wanted} height="12" />
        <rect class="quorum" x={(1_000 * quorum) / wanted - 3} width="3" height="12" />
      </svg>
      <p class="faint">{text}</p>
    </div>
  );
}
