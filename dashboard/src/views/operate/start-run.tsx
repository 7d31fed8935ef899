import { useState } from 'preact/hooks';
import { api } from '../../api/api.ts';
import { sentenceOf } from '../../api/problem.ts';
import { Trouble } from '../../parts/small.tsx';
import { run, status } from '../../state/live.ts';
import { goTo } from '../../state/route.ts';
import { plural } from '../../words/numbers.ts';
import { type Filled, fieldGroups, planGiven, problemsOf, textOf } from './plan-form.ts';
import { SettingField } from './setting-field.tsx';

const groups = fieldGroups();

/** Starts a run from a plan. What is left empty is taken from the server's settings. */
export function StartRun({ onDone }: { onDone: () => void }) {
  const [filled, setFilled] = useState<Filled>({});
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const last = run.value?.plan ?? {};
  const problems = problemsOf(filled, last);
  const isActive = !['idle', 'finished', 'stopped'].includes(status.value?.runState ?? 'idle');
  const wrong = Object.keys(problems).length;
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await api.startRun(planGiven(filled));
      setFilled({});
      onDone();
      goTo('run');
    } catch (error) {
      setProblem(sentenceOf(error));
    }
    setBusy(false);
  };
  const copyLast = () =>
    setFilled(Object.fromEntries(Object.entries(last).map(([setting, value]) => [setting, textOf(value)])));
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
      {groups.map(({ title, fields }) => (
        <fieldset key={title}>
          <legend>{title}</legend>
          <div class="fields">
            {fields.map(({ setting, spec }) => (
              <SettingField
                key={setting}
                {...{ setting, spec }}
                text={filled[setting] ?? ''}
                usual={textOf(Reflect.get(last, setting) ?? spec.default)}
                problem={problems[setting] ?? null}
                change={(text) => setFilled({ ...filled, [setting]: text })}
              />
            ))}
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
