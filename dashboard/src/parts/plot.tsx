import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { paintings } from '../state/theme.ts';
import { colour } from './colours.ts';
import type { Series } from './series.ts';
import type { Wording } from './wordings.ts';

export interface PlotProps {
  /** One for each value: round numbers. */
  x: readonly number[];
  series: readonly Series[];
  /** `bars` are stacked, first series lowest. */
  kind: 'line' | 'bars';
  wording: Wording;
  /** Whether the y axis begins at 0. */
  fromZero: boolean;
  /** The whole chart in words. */
  summary: string;
  /** Told which x the pointer is at, or null. */
  onPoint: (index: number | null) => void;
}

const heightPx = 168;

/** Sums from the lowest series up; drawn from the highest down, each hides all but its own share of the one before. */
function stacked(series: readonly Series[]): (number | null)[][] {
  const sums: number[] = [];
  return series.map(({ values }) =>
    values.map((value, index) => {
      sums[index] = (sums[index] ?? 0) + (value ?? 0);
      return sums[index] ?? null;
    }),
  );
}

function dataOf({ x, series, kind }: PlotProps): uPlot.AlignedData {
  const values = kind === 'bars' ? stacked(series).reverse() : series.map((one) => [...one.values]);
  return [[...x], ...values] as uPlot.AlignedData;
}

const font = '11px system-ui, sans-serif';
/** 1, 2, 5, 10, … up to half a billion. */
const wholeSteps = Array.from({ length: 9 }, (_, power) => [1, 2, 5].map((factor) => factor * 10 ** power)).flat();

function optionsOf(props: PlotProps, widthPx: number): uPlot.Options {
  const { kind, series, wording, fromZero, onPoint } = props;
  const inks = kind === 'bars' ? [...series].reverse() : series;
  const axis = { stroke: colour('muted'), font, ticks: { show: false }, grid: { show: false } };
  return {
    width: widthPx,
    height: heightPx,
    legend: { show: false },
    padding: [10, 14, 0, 0],
    cursor: {
      y: false,
      drag: { x: false, y: false },
      points: { show: kind === 'line', size: 7 },
    },
    scales: {
      x: {
        time: false,
        range: (_plot, min, max) =>
          kind === 'bars' ? [min - 0.6, max + 0.6] : min === max ? [min - 1, max + 1] : [min, max],
      },
      y: { range: (_plot, min, max) => rangeOf(min, max, fromZero) },
    },
    axes: [
      { ...axis, size: 24, incrs: wholeSteps, space: 44 },
      {
        ...axis,
        size: 54,
        space: 26,
        grid: { show: true, stroke: colour('faint'), width: 1 },
        values: (_plot, ticks, _axis, _space, step) => ticks.map((tick) => wording.tick(tick, step)),
        ...(wording.isWhole ? { incrs: wholeSteps } : {}),
      },
    ],
    series: [
      {},
      ...inks.map(({ label, ink, values }) =>
        kind === 'bars'
          ? {
              label,
              fill: colour(ink),
              width: 0,
              points: { show: false },
              paths: uPlot.paths.bars?.({ size: [0.72, 26] }) ?? (() => null),
            }
          : {
              label,
              stroke: colour(ink),
              width: 2,
              spanGaps: true,
              points: { show: needsPoints(values), size: 6, fill: colour(ink) },
            },
      ),
    ],
    hooks: { setCursor: [(plot) => onPoint(plot.cursor.idx ?? null)] },
  };
}

/** Points that can be told apart. */
const pointsMax = 60;

/** Whether a line alone would not show where it was measured, and points can. */
function needsPoints(values: Series['values']): boolean {
  const known = values.filter((value) => value !== null).length;
  return known <= pointsMax && (values.length < 3 || known < values.length);
}

function rangeOf(min: number | null, max: number | null, fromZero: boolean): uPlot.Range.MinMax {
  if (min === null || max === null) return [0, 1];
  const low = fromZero ? Math.min(0, min) : min;
  const room = (max - low || Math.abs(max) || 1) * 0.08;
  return [fromZero ? low : low - room, max + room];
}

/** A chart on a canvas; for who cannot see it, its summary, and a table beside it (see `Figure`). */
export function Plot(props: PlotProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [paint, setPaint] = useState(0);
  useSignalEffect(() => setPaint(paintings.value));
  const looks = props.series.map(({ label, ink, values }) => `${label} ${ink} ${needsPoints(values)}`);
  const shape = `${paint} ${props.kind} ${looks.join()}`;

  // Made anew for another shape; data alone is set below.
  useEffect(() => {
    const { current: element } = host;
    if (!element) return;
    plot.current = new uPlot(optionsOf(props, element.clientWidth), dataOf(props), element);
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: heightPx }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape]);

  useEffect(() => plot.current?.setData(dataOf(props)), [props.x, props.series]);

  return <div class="plot" ref={host} role="img" aria-label={props.summary} />;
}
