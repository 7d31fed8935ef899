import { useState } from 'preact/hooks';
import type { RoundSummary } from '../../../../src/dashboard/contract.ts';
import { Pager } from '../../parts/pager.tsx';
import { AttemptText, Empty, Pill } from '../../parts/small.tsx';
import { serverNow } from '../../state/live.ts';
import { shownModels, shownRounds } from '../../state/moment.ts';
import { hrefOf } from '../../state/route.ts';
import { count, duration, metric, moment, plural, shortId } from '../../words/numbers.ts';
import { abandonment, exclusionLabels, phaseWords } from '../../words/sentences.ts';
import { bestVersions } from '../run/best-model.ts';
import { metricNames } from '../run/run-series.ts';
import { roundTone } from './round-tone.ts';

const pageSize = 50;

export function RoundTable() {
  const [run, setRun] = useState('');
  const [onlyAbandoned, setOnlyAbandoned] = useState(false);
  const [page, setPage] = useState(0);
  const all = shownRounds.value;
  const runs = [...new Set(all.map((one) => one.run))].reverse();
  const found = all
    .filter((one) => (run === '' || one.run === run) && (!onlyAbandoned || one.phase === 'abandoned'))
    .reverse();
  const shown = found.slice(page * pageSize, (page + 1) * pageSize);
  if (all.length === 0) {
    return (
      <Empty title="No round yet">
        <p>A round opens as soon as enough clients are registered. The Run view says how many are missing.</p>
      </Empty>
    );
  }
  /** Whether the table has to say which run an attempt is of. */
  const isMixed = run === '' && runs.length > 1;
  const metrics = metricNames(shown).slice(0, 2);
  const best = bestVersions(shownModels.value ?? []);
  return (
    <section class="card rounds">
      <div class="bar">
        <h2>Rounds</h2>
        {runs.length > 1 && (
          <label>
            Run{' '}
            <select
              value={run}
              onChange={({ currentTarget }) => {
                setRun(currentTarget.value);
                setPage(0);
              }}
            >
              <option value="">all {runs.length}</option>
              {runs.map((id) => (
                <option key={id} value={id}>
                  {runText(id, all)}
                </option>
              ))}
            </select>
          </label>
        )}
        <label class="check">
          <input
            type="checkbox"
            checked={onlyAbandoned}
            onChange={({ currentTarget }) => {
              setOnlyAbandoned(currentTarget.checked);
              setPage(0);
            }}
          />
          Abandoned only
        </label>
        <span class="faint grow">{plural(found.length, 'attempt')}</span>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="scroll" tabIndex={0} aria-label="Attempts at rounds, newest first">
        <table>
          <thead>
            <tr>
              <th scope="col">Round</th>
              {isMixed && <th scope="col">Run</th>}
              <th scope="col">Outcome</th>
              <th scope="col" class="wider">
                Opened
              </th>
              <th scope="col" class="num wider">
                Took
              </th>
              <th scope="col" class="num">
                Contributions
              </th>
              <th scope="col" class="wide">
                Excluded
              </th>
              {metrics.map((name) => (
                <th scope="col" class="num wide metric" key={name}>
                  {name}
                </th>
              ))}
              <th scope="col" class="num wider">
                Model
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((one) => (
              <Row
                key={`${one.run} ${one.round} ${one.attempt}`}
                {...{ one, metrics, isMixed }}
                isBest={one.modelVersion !== null && best.has(one.modelVersion)}
              />
            ))}
          </tbody>
        </table>
      </section>
      <Pager page={page} pages={Math.ceil(found.length / pageSize)} go={setPage} />
    </section>
  );
}

interface RowProps {
  one: RoundSummary;
  metrics: readonly string[];
  isMixed: boolean;
  isBest: boolean;
}

/** `e02aba1f, multi-krum`: as far as its rounds tell it. */
function runText(run: string, rounds: readonly RoundSummary[]): string {
  const strategy = rounds.find((one) => one.run === run && one.strategy !== null)?.strategy;
  return strategy ? `${shortId(run)}, ${strategy.name}` : shortId(run);
}

function Row({ one, metrics, isMixed, isBest }: RowProps) {
  const { run, round, attempt, kind, phase, openedAtMs, endedAtMs, cohort, contributions, quorum } = one;
  return (
    <tr>
      <th scope="row">
        <a href={hrefOf('rounds', run, round, attempt)}>
          {count(round)}
          <AttemptText attempt={attempt} kind={kind} />
        </a>
      </th>
      {isMixed && (
        <td class="one-line">
          <code>{shortId(run)}</code>
        </td>
      )}
      <td>
        <Pill tone={roundTone(phase)}>{phaseWords[phase]}</Pill>
        {one.reason && <p class="reason wide">{abandonment(one.reason)}.</p>}
      </td>
      <td class="wider">{moment(openedAtMs, serverNow())}</td>
      <td class="num wider">{endedAtMs === null ? 'open' : duration(endedAtMs - openedAtMs)}</td>
      <td class="num">
        {count(contributions)} <span class="faint">of {count(Math.max(cohort, contributions))}</span>
        {one.used !== null && <span class="faint">, {count(one.used)} used</span>}
        <span class="sr-only">, quorum {quorum}</span>
      </td>
      <td class="wide">{excludedText(one) || <span class="faint">nobody</span>}</td>
      {metrics.map((name) => (
        <td class="num wide" key={name}>
          {one.metrics[name] === undefined ? '–' : metric(one.metrics[name])}
        </td>
      ))}
      <td class="num wider">
        {kind === 'training' && isBest && <span class="best">best</span>} {one.modelVersion ?? '–'}
      </td>
    </tr>
  );
}

function excludedText({ exclusions }: RoundSummary): string {
  const parts = Object.entries(exclusions).map(
    ([reason, some]) => `${some} ${exclusionLabels[reason as keyof typeof exclusionLabels] ?? reason}`,
  );
  return parts.join(', ');
}
