import { useMemo } from 'preact/hooks';
import type { DetailedRound } from '../../../../src/dashboard/contract.ts';
import { type AttemptKey, api } from '../../api/api.ts';
import { AttemptText, Pill, Trouble } from '../../parts/small.tsx';
import { useAnswer } from '../../parts/use-answer.ts';
import { moment as past, shownModels, shownNow, shownRounds } from '../../state/moment.ts';
import { hrefOf } from '../../state/route.ts';
import { count, duration, shortId, timeOfDay } from '../../words/numbers.ts';
import { abandonment, phaseWords } from '../../words/sentences.ts';
import { Cohort } from './cohort.tsx';
import { ReportingTimes } from './reporting-times.tsx';
import { factsOf } from './round-facts.ts';
import { roundTone } from './round-tone.ts';
import { sessionsOf } from './sessions.ts';
import { Shapes } from './shapes.tsx';
import { WhySelected } from './why-selected.tsx';

const isSame = (key: AttemptKey) => (one: AttemptKey) =>
  one.run === key.run && one.round === key.round && one.attempt === key.attempt;

/** One attempt: its clients, their updates, and why others were left out. */
export function RoundDetail(key: AttemptKey) {
  const summary = shownRounds.value.find(isSame(key));
  // Asked again whenever something of it has changed.
  const version = summary ? `${summary.phase} ${summary.contributions} ${JSON.stringify(summary.exclusions)}` : '';
  const pastRound = past.value?.rounds.find(isSame(key)) ?? null;
  const { answer, problem, isPending } = useAnswer(
    `${key.run} ${key.round} ${key.attempt} ${version} ${past.value?.entry.seq}`,
    async (signal) => pastRound ?? api.round(key, signal),
  );
  if (problem) return <Trouble>{problem}</Trouble>;
  if (!answer) return <p class="faint loading">{isPending ? 'Loading…' : ''}</p>;
  return <Detail record={answer} />;
}

function Detail({ record }: { record: DetailedRound }) {
  const { round, attempt, kind, phase, openedAtMs, endedAtMs, reason } = record;
  const sessions = useMemo(() => sessionsOf(record, shownNow()), [record]);
  const neighbours = shownRounds.value.filter((one) => one.run === record.run);
  const at = neighbours.findIndex(isSame(record));
  return (
    <article class="round-detail">
      <header class="bar">
        <a href={hrefOf('rounds')}>All rounds</a>
        <h2>
          Round {count(round)}
          <AttemptText attempt={attempt} kind={kind} />
        </h2>
        <Pill tone={roundTone(phase)}>{phaseWords[phase]}</Pill>
        <span class="faint grow">
          run {shortId(record.run)}, opened {timeOfDay(openedAtMs)}
          {endedAtMs !== null && `, took ${duration(endedAtMs - openedAtMs)}`}
        </span>
        <Neighbour of={neighbours[at - 1]} label="Earlier" />
        <Neighbour of={neighbours[at + 1]} label="Later" />
      </header>
      {reason && <p class="verdict">Abandoned: {abandonment(reason)}.</p>}
      <Facts record={record} />
      <Cohort record={record} sessions={sessions} />
      <WhySelected record={record} />
      <div class="columns">
        <ReportingTimes record={record} />
        <Shapes sessions={sessions} />
      </div>
    </article>
  );
}

function Neighbour({ of, label }: { of: AttemptKey | undefined; label: string }) {
  if (!of) return <span class="faint">{label}</span>;
  return <a href={hrefOf('rounds', of.run, of.round, of.attempt)}>{label}</a>;
}

function Facts({ record }: { record: DetailedRound }) {
  const model = shownModels.value?.find(({ version }) => version === record.modelVersion) ?? null;
  return (
    <dl class="facts card">
      {factsOf(record, model).map(([name, text]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
  );
}
