import type { SettingSpec } from '../../../../src/domain/settings.ts';
import { count, duration } from '../../words/numbers.ts';
import { labelOf } from './plan-form.ts';

interface SettingFieldProps {
  setting: string;
  spec: SettingSpec;
  /** Where more can be chosen than the spec knows. */
  choices?: readonly string[] | undefined;
  text: string;
  /** What is taken when it is left empty, as far as known. */
  usual: string;
  problem: string | null;
  change: (text: string) => void;
}

/** What is written on several lines, by its kind. */
const examples = { record: 'learningRate = 0.1', schedule: '10: learningRate = 0.05, epochs = 2' };

/** One setting of a plan, with its bounds and what is wrong with what was typed. */
export function SettingField(props: SettingFieldProps) {
  const { setting, spec, problem } = props;
  const id = `plan-${setting}`;
  return (
    <div class={`field ${spec.kind in examples ? 'is-wide' : ''}`}>
      <label for={id}>{labelOf(setting)}</label>
      <Control {...props} id={id} />
      <p class="help" id={`${id}-help`}>
        {spec.help} <span class="bounds">{boundsOf(spec)}</span>
      </p>
      {problem && (
        <p class="text-bad" id={`${id}-problem`}>
          {problem}
        </p>
      )}
    </div>
  );
}

function Control(props: SettingFieldProps & { id: string }) {
  const { id, setting, spec, text, usual, problem, change } = props;
  const shared = {
    id,
    name: setting,
    'aria-describedby': problem ? `${id}-help ${id}-problem` : `${id}-help`,
    'aria-invalid': problem !== null,
  };
  if (spec.kind === 'choice' || spec.kind === 'boolean') {
    const choices = props.choices ?? (spec.kind === 'choice' ? spec.choices : ['true', 'false']);
    return (
      <select {...shared} value={text} onChange={({ currentTarget }) => change(currentTarget.value)}>
        <option value="">as the server has it{usual && ` (${usual})`}</option>
        {choices.map((choice) => (
          <option key={choice} value={choice}>
            {choice}
          </option>
        ))}
      </select>
    );
  }
  if (spec.kind === 'record' || spec.kind === 'schedule') {
    return (
      <textarea
        {...shared}
        rows={3}
        spellcheck={false}
        placeholder={usual || examples[spec.kind]}
        value={text}
        onInput={({ currentTarget }) => change(currentTarget.value)}
      />
    );
  }
  const isNumber = spec.kind === 'integer' || spec.kind === 'number';
  const isTime = spec.kind === 'integer' && spec.unit === 'ms';
  return (
    <div class="with-unit">
      <input
        {...shared}
        type="text"
        inputMode={isNumber ? 'decimal' : 'text'}
        autocomplete="off"
        spellcheck={false}
        placeholder={usual}
        value={text}
        onInput={({ currentTarget }) => change(currentTarget.value)}
      />
      {isTime && <span class="unit">ms{Number(text) > 0 ? ` = ${duration(Number(text))}` : ''}</span>}
      {spec.kind === 'integer' && spec.unit === 'bytes' && <span class="unit">bytes</span>}
    </div>
  );
}

/** Numbers beyond it bound nothing that anybody would type. */
const boundMax = 1e12;

function boundsOf(spec: SettingSpec): string {
  if (spec.kind !== 'integer' && spec.kind !== 'number') return '';
  const { min, max } = spec;
  if (min <= -boundMax && max >= boundMax) return '';
  const text = spec.kind === 'integer' && spec.unit === 'ms' ? duration : count;
  return `From ${text(min)} ${max >= boundMax ? 'on' : `to ${text(max)}`}.`;
}
