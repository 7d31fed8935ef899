import { computed } from '@preact/signals';
import { shownStatus } from '../state/moment.ts';
import { phaseWords } from '../words/sentences.ts';

/** What a screen reader says by itself: a new phase or round, and nothing that merely counts. */
const news = computed(() => {
  const status = shownStatus.value;
  if (!status) return '';
  const { phase, round, roundsTotal, attempt } = status;
  const again = attempt > 1 ? `, attempt ${attempt}` : '';
  return round === 0
    ? phaseWords[phase]
    : `Round ${round} of ${roundsTotal}${again}: ${phaseWords[phase].toLowerCase()}`;
});

export function Announcer() {
  return (
    <p class="sr-only" role="status">
      {news.value}
    </p>
  );
}
