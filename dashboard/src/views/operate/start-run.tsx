import { useState } from 'preact/hooks';
import type { StrategyView } from '../../../../src/domain/handle.ts';
import type { Plan } from '../../../../src/domain/plan.ts';
import { api } from '../../api/api.ts';
import { sentenceOf } from '../../api/problem.ts';
import { Trouble } from '../../parts/small.tsx';
import { useAnswer } from '../../parts/use-answer.ts';
import { run, status } from '../../state/live.ts';
import { goTo } from '../../state/route.ts';
import { plural } from '../../words/numbers.ts';
import {
  type Field,
  type Filled,
  fieldGroups,
  filledBy,
  isOfUse,
  planGiven,
  problemsOf,
  usualText,
} from './plan-form.ts';
import { SettingField } from './setting-field.tsx';
import { StrategyFields } from './strategy-fields.tsx';

const groups = fieldGroups();

/** Starts a run from a plan. What is left empty is taken from the server's settings. */
export function StartRun({ onDone }: { onDone: () => void }) {
  const [filled, setFilled] = useState<Filled>({});
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const last: Partial<Plan> = run.value?.plan ?? {};
  const { answer, problem: unknown } = useAnswer('strategies', api.strategies);
  const strategies = answer?.strategies ?? null;
  const strategy = strategyNamed(strategies, filled.strategy || usualText('strategy', last));
  const problems = problemsOf(filled, last, strategy?.settings);
  const isActive = !['idle', 'finished', 'stopped'].includes(status.value?.runState ?? 'idle');
  const wrong = Object.keys(problems).length;
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await api.startRun(planGiven(filled, strategy?.settings));
      setFilled({});
      onDone();
      goTo('run');
    } catch (error) {
      setProblem(sentenceOf(error));
    }
    setBusy(false);
  };
  const change = (key: string) => (text: string) => setFilled({ ...filled, [key]: text });
  const copyLast = () => setFilled(filledBy(last, strategyNamed(strategies, last.strategy ?? '')?.settings ?? null));
  const fieldOf = ({ setting, spec }: Field) => (
    <SettingField
      key={setting}
      {...{ setting, spec }}
      choices={setting === 'strategy' ? strategies?.map(({ name }) => name) : undefined}
      text={filled[setting] ?? ''}
      usual={usualText(setting, last)}
      problem={problems[setting] ?? null}
      change={change(setting)}
    />
  );
  return (
    <form class="card start-run" onSubmit={(event) => void submit(event)}>
      <div class="bar">
        <h2>Start a run</h2>
        <span class="faint grow">
          {isActive
            ? 'Once the run in progress has ended or is stopped.'
            : 'What is left empty comes from the server’s settings.'}
        </span>
        {run.value && (
          <button type="button" class="quiet" onClick={copyLast}>
            Fill in the last plan
          </button>
        )}
        <button type="button" class="quiet" onClick={() => setFilled({})}>
          Empty the form
        </button>
      </div>
      {unknown && <Trouble>The strategies of this server could not be read: {unknown}</Trouble>}
      {groups.map(({ title, fields }) => (
        <fieldset key={title}>
          <legend>{title}</legend>
          <div class="fields">
            {fields
              .filter((field) => isOfUse(field, filled, last))
              .map((field) =>
                field.setting === 'strategyParameters' && strategy ? (
                  <StrategyFields key={strategy.name} {...{ strategy, filled, problems, last, change }} />
                ) : (
                  fieldOf(field)
                ),
              )}
          </div>
        </fieldset>
      ))}
      {problem && <Trouble>{problem}</Trouble>}
      <div class="row end">
        {wrong > 0 && <span class="text-bad">{plural(wrong, 'setting')} cannot be taken as given</span>}
        <button class="primary" type="submit" disabled={isBusy || isActive || wrong > 0}>
          Start the run
        </button>
      </div>
    </form>
  );
}

const strategyNamed = (strategies: readonly StrategyView[] | null, wanted: string): StrategyView | null =>
  strategies?.find(({ name }) => name === wanted) ?? null;
