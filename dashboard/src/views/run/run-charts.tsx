import { useMemo } from 'preact/hooks';
import type { RoundSummary } from '../../../../src/dashboard/contract.ts';
import type { ModelView } from '../../../../src/domain/model.ts';
import type { Ink } from '../../parts/colours.ts';
import { Figure } from '../../parts/figure.tsx';
import { wordings } from '../../parts/wordings.ts';
import { roundsOfRun, shownModels } from '../../state/moment.ts';
import {
  type Attempts,
  byRound,
  byteSeries,
  contributionSeries,
  exclusionSeries,
  metricNames,
  metricSeries,
  phaseSeries,
} from './run-series.ts';

/** Metrics that get a chart each. */
const metricChartsMax = 4;
const metricInks: readonly Ink[] = ['accent', 'green', 'violet', 'amber'];
/** Rounds drawn: more would be thinner than a pixel on a small screen. */
const roundsDrawnMax = 400;

const numbersOf = (rounds: readonly Attempts[]): number[] => rounds.map(([first]) => first?.round ?? 0);

export function RunCharts() {
  const rounds = roundsOfRun.value;
  const models = shownModels.value;
  const drawn = useMemo(() => prepare(rounds, models ?? []), [rounds, models]);
  const { ended, names } = drawn;
  const traffic = useMemo(() => byteSeries(ended, models ?? []), [ended, models]);
  return (
    <section class="figures" aria-label="Charts of the run">
      {drawn.metrics.length === 0 && (
        <Figure
          title="Loss and accuracy by round"
          x={[]}
          series={[]}
          kind="line"
          wording={wordings.metrics}
          empty="Clients have reported no metrics yet. They send them with their updates."
        />
      )}
      {drawn.metrics.map(({ name, series }) => (
        <Figure
          key={name}
          title={`${name[0]?.toUpperCase()}${name.slice(1)} by round`}
          x={drawn.committedNumbers}
          series={series}
          kind="line"
          wording={wordings.metrics}
          empty="No round is committed yet."
        />
      ))}
      <Figure
        title="Duration by phase"
        x={drawn.endedNumbers}
        series={drawn.phases}
        kind="bars"
        wording={wordings.seconds}
        empty="No round has ended yet."
      />
      <Figure
        title="Contributions by round"
        x={drawn.endedNumbers}
        series={drawn.contributions}
        kind="bars"
        wording={wordings.counts}
        empty="No round has ended yet."
      />
      <Figure
        title="Exclusions and stragglers by round"
        x={drawn.endedNumbers}
        series={drawn.exclusions}
        kind="bars"
        wording={wordings.counts}
        empty={ended.length === 0 ? 'No round has ended yet.' : 'Nobody was excluded from any round.'}
      />
      <Figure
        title="Bytes in and out by round"
        x={drawn.endedNumbers}
        series={traffic.series}
        kind="bars"
        wording={wordings.sizes}
        {...(traffic.isEstimate ? { note: 'Estimated: one model for each contribution, out and in' } : {})}
        empty="No round has ended yet."
      />
      {names.length > metricChartsMax && (
        <p class="note">Not drawn: {names.slice(metricChartsMax).join(', ')}. They are in the detail of each round.</p>
      )}
    </section>
  );
}

/** Everything that is drawn, worked out once for each change of the rounds. */
function prepare(rounds: readonly RoundSummary[], models: readonly ModelView[]) {
  const over = rounds.filter(({ endedAtMs, kind }) => endedAtMs !== null && kind === 'training');
  const ended = byRound(over).slice(-roundsDrawnMax);
  const committed = over.filter(({ phase }) => phase === 'committed').slice(-roundsDrawnMax);
  const names = metricNames([...committed, ...models.slice(-roundsDrawnMax).flatMap(({ evaluations }) => evaluations)]);
  return {
    ended,
    names,
    endedNumbers: numbersOf(ended),
    committedNumbers: committed.map(({ round }) => round),
    metrics: names
      .slice(0, metricChartsMax)
      .map((name, index) => ({ name, series: metricSeries(committed, models, name, metricInks[index] ?? 'accent') }))
      .filter(({ series }) => series.length > 0),
    phases: phaseSeries(ended),
    contributions: contributionSeries(ended),
    exclusions: exclusionSeries(ended),
  };
}
