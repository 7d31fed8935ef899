import type { StrategyView } from '../../../../src/domain/handle.ts';
import type { Plan } from '../../../../src/domain/plan.ts';
import { type Filled, parameterKey, textOf } from './plan-form.ts';
import { SettingField } from './setting-field.tsx';

interface StrategyFieldsProps {
  strategy: StrategyView;
  filled: Filled;
  /** By setting, or by the key of a parameter. */
  problems: Readonly<Record<string, string>>;
  /** The plan of the last run. */
  last: Partial<Plan>;
  change: (key: string) => (text: string) => void;
}

/** The parameters of the strategy that is chosen, as it describes them itself. */
export function StrategyFields({ strategy, filled, problems, last, change }: StrategyFieldsProps) {
  const { name, summary, settings } = strategy;
  const fields = Object.entries(settings);
  const before = last.strategy === name ? last.strategyParameters : {};
  return (
    <>
      <p class="strategy-about">
        <b>{name}</b> {summary ?? 'is one that this server was given.'}
        {fields.length === 0 && ' It has no parameters.'}
      </p>
      {fields.map(([parameter, spec]) => (
        <SettingField
          key={parameter}
          setting={parameter}
          spec={spec}
          text={filled[parameterKey(parameter)] ?? ''}
          usual={textOf(before?.[parameter] ?? spec.default)}
          problem={problems[parameterKey(parameter)] ?? null}
          change={change(parameterKey(parameter))}
        />
      ))}
    </>
  );
}
