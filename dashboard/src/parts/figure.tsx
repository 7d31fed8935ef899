import { useMemo, useState } from 'preact/hooks';
import { count } from '../words/numbers.ts';
import { Plot } from './plot.tsx';
import type { Series } from './series.ts';
import type { Wording } from './wordings.ts';

export interface FigureProps {
  title: string;
  /** Numbers of the rounds, or of whatever is counted along. */
  x: readonly number[];
  series: readonly Series[];
  kind: 'line' | 'bars';
  wording: Wording;
  fromZero?: boolean;
  /** Said below the title. */
  note?: string;
  /** Shown in place of the chart when there is nothing to draw. */
  empty: string;
}

/** Rows of the table beside a chart: the newest. */
const rowsMax = 100;

function summaryOf({ title, x, series, wording }: FigureProps): string {
  const first = x[0] ?? 0;
  const last = x.at(-1) ?? 0;
  const parts = series.flatMap(({ label, values }) => {
    const known = values.filter((value) => value !== null);
    const latest = known.at(-1);
    if (latest === undefined) return [];
    const { value } = wording;
    return `${label}: latest ${value(latest)}, from ${value(Math.min(...known))} to ${value(Math.max(...known))}`;
  });
  return `${title}, rounds ${first} to ${last}. ${parts.join('. ')}.`;
}

/** Where nothing was measured last, what was before that. */
const latestOf = (values: Series['values']) => values.findLast((value) => value !== null);

const valueText = (value: number | null | undefined, wording: Wording): string =>
  value === null || value === undefined ? '–' : wording.value(value);

/** A chart with its legend, which tells the values under the pointer or else the latest, and the same as a table. */
export function Figure(props: FigureProps) {
  const { title, x, series, kind, wording, fromZero = kind === 'bars', note, empty } = props;
  const [pointed, setPointed] = useState<number | null>(null);
  const [isOpen, setOpen] = useState(false);
  const summary = useMemo(() => summaryOf(props), [x, series]);
  const isEmpty = x.length === 0 || series.every(({ values }) => values.every((value) => value === null));
  const at = pointed !== null && pointed < x.length ? pointed : x.length - 1;
  return (
    <figure class="figure card">
      <figcaption>
        <h3>{title}</h3>
        {!isEmpty && <span class="faint at">round {count(x[at] ?? 0)}</span>}
      </figcaption>
      {isEmpty ? (
        <p class="empty-plot">{empty}</p>
      ) : (
        <>
          <ul class="legend">
            {series.map(({ label, ink, values }) => (
              <li key={label}>
                <i class={`swatch ink-${ink}`} />
                <span>{label}</span>
                <b>{valueText(pointed === null ? latestOf(values) : values[at], wording)}</b>
              </li>
            ))}
          </ul>
          <Plot {...{ x, series, kind, wording, fromZero, summary }} onPoint={setPointed} />
          {note && <p class="note">{note}</p>}
          <details class="as-table" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
            <summary>
              As a table<span class="sr-only">: {title}</span>
            </summary>
            {isOpen && <FigureTable {...props} />}
          </details>
        </>
      )}
    </figure>
  );
}

function FigureTable({ title, x, series, wording }: FigureProps) {
  const first = Math.max(0, x.length - rowsMax);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="scroll" tabIndex={0} aria-label={`${title}, as a table`}>
      <table>
        <thead>
          <tr>
            <th scope="col">Round</th>
            {series.map(({ label }) => (
              <th scope="col" class="num" key={label}>
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {x
            .slice(first)
            .map((round, index) => (
              <tr key={index}>
                <th scope="row">{round}</th>
                {series.map(({ label, values }) => {
                  const value = values[first + index];
                  return (
                    <td class="num" key={label}>
                      {valueText(value, wording)}
                    </td>
                  );
                })}
              </tr>
            ))
            .reverse()}
        </tbody>
      </table>
    </section>
  );
}
