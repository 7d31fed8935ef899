import type { RoundSummary } from '../../../../src/dashboard/contract.ts';
import { Tile } from '../../parts/small.tsx';
import { planOfRun, roundsOfRun, shownModels, shownStatus } from '../../state/moment.ts';
import { count, duration, metric, plural, shortCount } from '../../words/numbers.ts';
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

function BestText({ best }: { best: Best | null }) {
  if (!best) return <>no metrics yet</>;
  const { model, measure } = best;
  return (
    <span title={measure ? `${measure.name} ${metric(measure.value)}` : undefined}>
      best: {count(model.version)}
      {measure && `, ${metric(measure.value)}`}
    </span>
  );
}

/** In these it does what it should. */
const aggregatorAtWork = ['idle', 'collecting', 'aggregating'];

export function Tiles() {
  const status = shownStatus.value;
  const rounds = roundsOfRun.value;
  if (!status) return <dl class="tiles is-loading" />;
  const { round, roundsTotal, modelVersion, population, counts, run } = status;
  const committed = rounds.filter(({ phase }) => phase === 'committed').length;
  const abandoned = rounds.filter(({ phase, kind }) => phase === 'abandoned' && kind === 'training').length;
  const typical = typicalMs(rounds);
  const left = Math.max(0, roundsTotal - committed);
  const plan = planOfRun.value;
  const models = (shownModels.value ?? []).filter((one) => one.run === run);
  const best = bestModel(models, plan?.stopMetric ?? null);
  const trained = rounds.filter(({ kind }) => kind === 'training');
  const contributions = trained.reduce((sum, one) => sum + one.contributions, 0);
  const excluded = trained.reduce(
    (sum, { exclusions }) => sum + Object.values(exclusions).reduce((all, some) => all + some, 0),
    0,
  );
  return (
    <dl class="tiles">
      <Tile
        label="Round"
        value={`${count(round)} / ${count(roundsTotal)}`}
        detail={abandoned > 0 ? `${plural(abandoned, 'attempt')} abandoned` : 'none abandoned'}
      />
      <Tile
        label="Typical round"
        value={typical === null ? '–' : duration(typical)}
        detail={typical === null || left === 0 ? 'median of the last ten' : `${duration(typical * left)} to go`}
      />
      <Tile
        label="Model"
        value={modelVersion === null ? 'none yet' : `version ${count(modelVersion)}`}
        detail={<BestText best={best} />}
      />
      <Tile
        label="Clients"
        value={shortCount(population)}
        detail={`${count(counts.training)} training, ${count(counts.waiting)} waiting`}
      />
      <Tile label="Contributions" value={shortCount(contributions)} detail={`${shortCount(excluded)} excluded`} />
      {plan && aggregatorAtWork.includes(status.aggregator) ? (
        <Tile label="Strategy" value={plan.strategy} detail={parametersText(plan) || modeText(plan)} />
      ) : (
        <Tile label="Aggregator" value={status.aggregator} detail="sums the updates" />
      )}
    </dl>
  );
}
