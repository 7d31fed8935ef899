import { shownStatus } from '../../state/moment.ts';
import { count } from '../../words/numbers.ts';
import type { Active } from './use-active.ts';

/** What the guards on the ways out say now, and the numbers they are decided by. */
export function Guards({ machine, active: { states, snapshot } }: { machine: string; active: Active }) {
  const guards = Object.entries(snapshot?.guards ?? {});
  const status = shownStatus.value;
  const guard = status?.waitingFor.guard;
  const isOfMachine = machine === (status?.round && guard?.name !== 'clientsSuffice' ? 'round' : 'coordinator');
  const numbers = numbersOf(snapshot?.context);
  const hasNumbers = guard && isOfMachine && states.length > 0;
  if (guards.length === 0 && !hasNumbers) return null;
  return (
    <section aria-labelledby="guards-title">
      <h3 id="guards-title">Guards</h3>
      <ul class="guards">
        {hasNumbers && !guards.some(([name]) => name === guard.name) && (
          <Guard name={guard.name} holds={guard.have >= guard.need} numbers={guard} />
        )}
        {guards.map(([name, holds]) => (
          <Guard key={name} {...{ name, holds }} numbers={hasNumbers && guard.name === name ? guard : null} />
        ))}
      </ul>
      {numbers.length > 0 && (
        <details>
          <summary>Numbers they are decided by</summary>
          <dl class="numbers">
            {numbers.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{count(value)}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </section>
  );
}

interface GuardProps {
  name: string;
  holds: boolean;
  /** Where it stands and where it must get, if it counts. */
  numbers: { have: number; need: number } | null;
}

function Guard({ name, holds, numbers }: GuardProps) {
  return (
    <li class={holds ? 'holds' : 'fails'}>
      <span>{name}</span>
      <b>
        {numbers && `${count(numbers.have)} of ${count(numbers.need)}, `}
        {holds ? 'holds' : 'does not hold'}
      </b>
    </li>
  );
}

/** Counts in the context of a machine: its own, and those of its tally and run. Times are shown elsewhere. */
function numbersOf(context: unknown): [string, number][] {
  const found: [string, number][] = [];
  const add = (group: unknown) => {
    if (typeof group !== 'object' || group === null) return;
    for (const [name, value] of Object.entries(group)) {
      if (typeof value === 'number' && !/Ms$/.test(name)) found.push([name, value]);
    }
  };
  add(context);
  const { tally, run } = (context ?? {}) as { tally?: unknown; run?: unknown };
  add(tally);
  add(run);
  return found;
}
