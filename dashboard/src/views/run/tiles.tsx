import type { RoundSummary } from '../../../../src/dashboard/contract.ts';
import type { ModelInfo } from '../../../../src/domain/model.ts';
import { Tile } from '../../parts/small.tsx';
import { roundsOfRun, shownModels, shownStatus } from '../../state/moment.ts';
import { count, duration, metric, plural, shortCount } from '../../words/numbers.ts';
import { bestModel } from './best-model.ts';

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

const bestOf = (models: readonly ModelInfo[] | null, run: string | null) =>
  bestModel((models ?? []).filter((one) => one.run === run));

export function Tiles() {
  const status = shownStatus.value;
  const rounds = roundsOfRun.value;
  if (!status) return <dl class="tiles is-loading" />;
  const { round, roundsTotal, modelVersion, population, counts, run } = status;
  const committed = rounds.filter(({ phase }) => phase === 'committed').length;
  const abandoned = rounds.filter(({ phase }) => phase === 'abandoned').length;
  const typical = typicalMs(rounds);
  const left = Math.max(0, roundsTotal - committed);
  const best = bestOf(shownModels.value, run);
  const contributions = rounds.reduce((sum, one) => sum + one.contributions, 0);
  const excluded = rounds.reduce(
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
        detail={best ? `best: ${count(best.model.version)}, ${metric(best.value)}` : 'no metrics yet'}
      />
      <Tile
        label="Clients"
        value={shortCount(population)}
        detail={`${count(counts.training)} training, ${count(counts.waiting)} waiting`}
      />
      <Tile label="Contributions" value={shortCount(contributions)} detail={`${shortCount(excluded)} excluded`} />
      <Tile label="Aggregator" value={status.aggregator} detail={`server up ${duration(status.uptimeMs)}`} />
    </dl>
  );
}
