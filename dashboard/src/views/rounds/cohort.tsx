import { useState } from 'preact/hooks';
import type { DetailedRound } from '../../../../src/dashboard/contract.ts';
import { Pager } from '../../parts/pager.tsx';
import { ClientLink } from '../../parts/small.tsx';
import { shownNow } from '../../state/moment.ts';
import { duration, plural, timeOfDay } from '../../words/numbers.ts';
import { metricsText } from '../../words/plans.ts';
import { exclusionWords, midSentence, refusal, verdictLabels } from '../../words/sentences.ts';
import type { Session, Span } from './sessions.ts';

const pageSize = 50;
const orders = {
  selected: 'as selected',
  time: 'by time of report',
  trouble: 'excluded first',
} as const;

const stepWords: Readonly<Record<Span['step'], string>> = {
  selected: 'selected',
  downloading: 'downloading',
  training: 'training',
  uploading: 'uploading',
  atWork: 'at work',
};

/** Every client of the cohort as a bar from its selection to its end, with the verdict on it. */
export function Cohort({ record, sessions }: { record: DetailedRound; sessions: readonly Session[] }) {
  const [order, setOrder] = useState<keyof typeof orders>('selected');
  const [page, setPage] = useState(0);
  const fromMs = record.trainingAtMs ?? record.openedAtMs;
  const settled = sessions.flatMap(({ settledAtMs }) => settledAtMs ?? []);
  const toMs = Math.max(record.endedAtMs ?? shownNow(), fromMs + 1, ...settled.slice(0, 10_000));
  const inOrder = sorted(sessions, order);
  const steps = [...new Set(sessions.flatMap(({ spans }) => spans.map(({ step }) => step)))];
  return (
    <section class="card cohort" aria-labelledby="cohort-title">
      <div class="bar">
        <h3 id="cohort-title">Clients of the cohort</h3>
        <label class="grow-left">
          Order{' '}
          <select
            value={order}
            onChange={({ currentTarget }) => {
              setOrder(currentTarget.value as keyof typeof orders);
              setPage(0);
            }}
          >
            {Object.entries(orders).map(([name, words]) => (
              <option key={name} value={name}>
                {words}
              </option>
            ))}
          </select>
        </label>
      </div>
      <ul class="legend">
        {steps.map((step) => (
          <li key={step}>
            <i class={`swatch step-${step}`} />
            {stepWords[step]}
          </li>
        ))}
        <li>
          <i class="swatch end-accepted" />
          accepted
        </li>
        {sessions.some(({ isUnused }) => isUnused) && (
          <li>
            <i class="swatch end-unused" />
            left out by the strategy
          </li>
        )}
        <li>
          <i class="swatch end-excluded" />
          excluded
        </li>
        <li>
          <i class="swatch end-unneeded" />
          not needed
        </li>
      </ul>
      {sessions.length === 0 ? (
        <p class="faint">Nobody was selected in this attempt.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <section class="scroll" tabIndex={0} aria-label="What became of each client">
          <table class="bars">
            <thead>
              <tr>
                <th scope="col">Client</th>
                <th scope="col" class="bar-column">
                  <span class="axis">
                    <span>{timeOfDay(fromMs)}</span>
                    <span>{duration(toMs - fromMs)} later</span>
                  </span>
                </th>
                <th scope="col" class="num">
                  Took
                </th>
                <th scope="col">Verdict</th>
                <th scope="col" class="wider">
                  Metrics
                </th>
                <th scope="col" class="wide">
                  Receipt
                </th>
              </tr>
            </thead>
            <tbody>
              {inOrder.slice(page * pageSize, (page + 1) * pageSize).map((session) => (
                <Row key={session.clientId} {...{ session, fromMs, toMs }} />
              ))}
            </tbody>
          </table>
        </section>
      )}
      <Pager page={page} pages={Math.ceil(sessions.length / pageSize)} go={setPage} />
    </section>
  );
}

function sorted(sessions: readonly Session[], order: keyof typeof orders): Session[] {
  const late = ({ settledAtMs }: Session) => settledAtMs ?? Number.POSITIVE_INFINITY;
  if (order === 'time') return [...sessions].sort((a, b) => late(a) - late(b));
  const isOut = ({ outcome, isUnused }: Session) => Number(isUnused || (outcome !== null && outcome !== 'accepted'));
  return order === 'trouble' ? [...sessions].sort((a, b) => isOut(b) - isOut(a)) : [...sessions];
}

const percent = (share: number): string => `${Math.min(100, Math.max(0, 100 * share)).toFixed(2)}%`;

function Row({ session, fromMs, toMs }: { session: Session; fromMs: number; toMs: number }) {
  const { clientId, spans, outcome, settledAtMs, numExamples, sha256, metrics } = session;
  const place = (atMs: number) => (atMs - fromMs) / (toMs - fromMs);
  const began = spans[0]?.fromMs ?? fromMs;
  return (
    <tr>
      <th scope="row">
        <ClientLink clientId={clientId} />
      </th>
      <td class="bar-column" aria-hidden="true">
        <div class="track">
          {spans.map((span) => (
            <i
              key={span.step}
              class={`step-${span.step}`}
              title={`${stepWords[span.step]}, ${duration(span.toMs - span.fromMs)}`}
              style={{ left: percent(place(span.fromMs)), width: percent(place(span.toMs) - place(span.fromMs)) }}
            />
          ))}
          {settledAtMs !== null && <b class={endOf(session)} style={{ left: percent(place(settledAtMs)) }} />}
        </div>
      </td>
      <td class="num">{settledAtMs === null ? '–' : duration(settledAtMs - began)}</td>
      {outcome === 'accepted' ? (
        <>
          <td class="one-line">
            <Acceptance session={session} />
          </td>
          <td class="wider one-line faint">{metricsText(metrics)}</td>
          <td class="wide one-line">
            <code title={`SHA-256 ${sha256}`}>{sha256?.slice(0, 12)}</code>{' '}
            <span class="faint">{plural(numExamples ?? 0, 'example')}</span>
          </td>
        </>
      ) : (
        <td colSpan={3}>
          <Verdict session={session} />
        </td>
      )}
    </tr>
  );
}

/** Who was not needed did nothing wrong. */
function endOf({ outcome, isUnused }: Session): string {
  if (outcome === 'accepted') return isUnused ? 'end-unused' : 'end-accepted';
  return outcome === 'notNeeded' ? 'end-unneeded' : 'end-excluded';
}

/** Accepted is what the client was told; the strategy may have left its update out all the same. */
function Acceptance({ session: { isUnused, staleness } }: { session: Session }) {
  return (
    <>
      {isUnused ? <span title="Accepted; the strategy made the model without it">Left out</span> : 'Accepted'}
      {staleness > 0 && <span class="faint">, {plural(staleness, 'version')} old</span>}
    </>
  );
}

function Verdict({ session: { outcome, goesOn, code } }: { session: Session }) {
  if (outcome === null || outcome === 'accepted') {
    return <span class="faint">{goesOn ? 'Trains on into the next round' : 'At work'}</span>;
  }
  return (
    <span class={outcome === 'notNeeded' ? 'faint' : 'text-bad'}>
      <span class="wide">
        {exclusionWords[outcome]}
        {code && `: ${midSentence(refusal(code))}`}
      </span>
      <span class="narrow">{verdictLabels[outcome]}</span>
    </span>
  );
}
