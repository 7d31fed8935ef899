import { moment } from '../state/moment.ts';
import { hrefOf, route } from '../state/route.ts';
import { timeOfDay } from '../words/numbers.ts';

/** Says on every view that it shows the past. */
export function PastBanner() {
  const past = moment.value;
  // The timeline says so itself.
  if (!past || route.value.view === 'timeline') return null;
  const { seq, atMs, sentence } = past.entry;
  return (
    <div class="past" role="status">
      <p>
        <b>As of {timeOfDay(atMs)}</b>, entry {seq}: {sentence}
      </p>
      <a href={hrefOf('timeline')}>Move</a>
      <button type="button" onClick={() => (moment.value = null)}>
        Back to now
      </button>
    </div>
  );
}
