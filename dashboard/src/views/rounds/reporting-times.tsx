import { useMemo } from 'preact/hooks';
import type { DetailedRound } from '../../../../src/dashboard/contract.ts';
import { count, duration, plural } from '../../words/numbers.ts';
import { reportingTimes } from './sessions.ts';

/** How long clients took from the beginning of training to their accepted update, as a histogram. */
export function ReportingTimes({ record }: { record: DetailedRound }) {
  const buckets = useMemo(() => reportingTimes(record), [record]);
  const most = Math.max(1, ...buckets.map(({ clients }) => clients));
  const last = buckets.at(-1)?.toMs ?? 0;
  const words = buckets
    .filter(({ clients }) => clients > 0)
    .map(({ fromMs, toMs, clients }) => `${duration(fromMs)} to ${duration(toMs)}: ${plural(clients, 'client')}`);
  return (
    <figure class="card histogram">
      <figcaption>
        <h3>Reporting times</h3>
        <span class="faint">from the beginning of training</span>
      </figcaption>
      {buckets.length === 0 ? (
        <p class="empty-plot">No update was accepted in this attempt.</p>
      ) : (
        <>
          <div class="histogram-bars" role="img" aria-label={words.join('; ')}>
            {buckets.map(({ fromMs, toMs, clients }) => (
              <i
                key={fromMs}
                title={`${duration(fromMs)} to ${duration(toMs)}: ${plural(clients, 'client')}`}
                style={{ height: `${(100 * clients) / most}%` }}
              />
            ))}
          </div>
          <p class="axis" aria-hidden="true">
            <span>0</span>
            <span>most in one bar: {count(most)}</span>
            <span>{duration(last)}</span>
          </p>
        </>
      )}
    </figure>
  );
}
