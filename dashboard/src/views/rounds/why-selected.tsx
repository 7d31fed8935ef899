import { useState } from 'preact/hooks';
import type { DetailedRound } from '../../../../src/dashboard/contract.ts';
import { adminToken } from '../../api/token.ts';
import { SelectionReason } from '../../parts/selection-reason.tsx';
import { status } from '../../state/live.ts';
import { moment, shownRounds } from '../../state/moment.ts';

/** Clients that are suggested, at most. */
const suggestedMax = 200;

/** Asks why a client was selected for this round, or was not. Told of training in the present run, at its last attempt. */
export function WhySelected({ record }: { record: DetailedRound }) {
  const [clientId, setClientId] = useState('');
  const { run, round, attempt, kind, phase, cohort } = record;
  const isLast = !shownRounds.value.some(
    (one) => one.run === run && one.round === round && one.kind === 'training' && one.attempt > attempt,
  );
  if (moment.value !== null || kind !== 'training' || !isLast || run !== status.value?.run) return null;
  if (adminToken.value === '') {
    return (
      <p class="note">Why a client was selected, or was not, is told to operators: give the admin token in Operate.</p>
    );
  }
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    setClientId(String(new FormData(event.currentTarget as HTMLFormElement).get('clientId') ?? '').trim());
  };
  return (
    <section class="card why-selected" aria-labelledby="why-title">
      <h3 id="why-title">Why was this client selected, or not?</h3>
      <form class="row" onSubmit={submit}>
        <label class="sr-only" for="why-client">
          Client id
        </label>
        <input
          id="why-client"
          name="clientId"
          list="why-cohort"
          placeholder="Client id, of the cohort or not"
          autocomplete="off"
          spellcheck={false}
          maxLength={64}
          required
        />
        <datalist id="why-cohort">
          {cohort.slice(0, suggestedMax).map((id) => (
            <option key={id} value={id} />
          ))}
        </datalist>
        <button type="submit">Ask</button>
      </form>
      {clientId !== '' && <SelectionReason round={round} clientId={clientId} version={`${attempt} ${phase}`} />}
    </section>
  );
}
