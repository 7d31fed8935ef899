import type { RoundSummary } from '../../../../src/dashboard/contract.ts';
import { Tile } from '../../parts/small.tsx';
import {
  planOfRun,
  roundsCommitted,
  roundsOfRun,
  shownModels,
  shownStatus,
  strategyOfRun,
} from '../../state/moment.ts';
import { count, duration, metric, shortCount } from '../../words/numbers.ts';
import { modeText, parametersText } from '../../words/plans.ts';
import { type Best, bestModel } from './best-model.ts';

/** Rounds whose durations make the estimate of what is left. */
const recentMax = 10;

function typicalMs(rounds: readonly RoundSummary[]): number | null {
  const recent = rounds
    .filter(({ phase, endedAtMs }) => phase === 'committed' && endedAtMs !== null)
    .slice(-recentMax)
    .map(({ openedAtMs, endedAtMs }) => (endedAtMs ?? 0) - openedAtMs)
    .sort((a, b) => a - b);
  return recent[recent.length >> 1] ?? null;
}

/** The best model so far, by what it was measured by; else the newest. */
function ModelTile({ best, newest }: { best: Best | null; newest: number | null }) {
  const newestText = newest === null ? 'none yet' : `version ${count(newest)}`;
  if (!best?.measure) {
    const detail = best ? `best: version ${count(best.model.version)}` : 'no metrics yet';
    return <Tile label="Model" value={newestText} detail={detail} />;
  }
  const { model, measure } = best;
  const of = newest === null ? '' : ` of ${count(newest)}`;
  return (
    <Tile
      label={`Best ${measure.name}`}
      value={metric(measure.value)}
      detail={`version ${count(model.version)}${of}`}
    />
  );
}

/** In these it does what it should. */
const aggregatorAtWork = ['idle', 'collecting', 'aggregating'];

export function Tiles() {
  const status = shownStatus.value;
  const rounds = roundsOfRun.value;
  if (!status) return <dl class="tiles is-loading" />;
  const { roundsTotal, modelVersion, population, counts, run } = status;
  const committed = roundsCommitted.value;
  const abandoned = rounds.filter(({ phase, kind }) => phase === 'abandoned' && kind === 'training').length;
  const typical = typicalMs(rounds);
  const left = Math.max(0, roundsTotal - committed);
  const strategy = strategyOfRun.value;
  const models = (shownModels.value ?? []).filter((one) => one.run === run);
  const best = bestModel(models, planOfRun.value?.stopMetric ?? null);
  const trained = rounds.filter(({ kind }) => kind === 'training');
  const contributions = trained.reduce((sum, one) => sum + one.contributions, 0);
  const excluded = trained.reduce(
    (sum, { exclusions }) => sum + Object.values(exclusions).reduce((all, some) => all + some, 0),
    0,
  );
  return (
    <dl class="tiles">
      <Tile
        label="Rounds committed"
        value={count(committed)}
        detail={abandoned > 0 ? `${count(abandoned)} abandoned` : 'none abandoned'}
      />
      <Tile
        label="Typical round"
        value={typical === null ? '–' : duration(typical)}
        detail={typical === null || left === 0 ? 'median of the last ten' : `${duration(typical * left)} to go`}
      />
      <ModelTile best={best} newest={modelVersion} />
      <Tile
        label="Clients"
        value={shortCount(population)}
        detail={`${count(counts.training)} training, ${count(counts.waiting)} waiting`}
      />
      <Tile label="Contributions" value={shortCount(contributions)} detail={`${shortCount(excluded)} excluded`} />
      {strategy && aggregatorAtWork.includes(status.aggregator) ? (
        <Tile label="Strategy" value={strategy.name} detail={parametersText(strategy) || modeText(strategy)} />
      ) : (
        <Tile label="Aggregator" value={status.aggregator} detail="sums the updates" />
      )}
    </dl>
  );
}
