import { chartStyle, escaped } from './chart-style.ts';

export interface Axis {
  label: string;
  from: number;
  to: number;
  /** How a value is written. @default as a number */
  text?: (value: number) => string;
}

export interface Line {
  label: string;
  /** By x; the band is from `lowest` to `highest`. */
  points: readonly { x: number; lowest: number; median: number; highest: number }[];
  /** Something to compare with. @default false */
  isDashed?: boolean;
  /** Of the colours. @default its place among the lines */
  colour?: number;
}

export interface LineChart {
  title: string;
  /** What the lines are, in one sentence under the title. */
  about: string;
  x: Axis;
  y: Axis;
  lines: readonly Line[];
  /** Values of y that are marked across. */
  rules?: readonly { y: number; label: string }[];
}

const frame = { width: 860, height: 440, left: 64, right: 190, top: 66, bottom: 52 } as const;
/** Between two labels of lines, px. */
const labelHeight = 17;
const ticksWanted = 6;

/** A chart of lines, each with its name at its end. */
export function lineChart(chart: LineChart): string {
  const { title, about, x, y, lines, rules = [] } = chart;
  const place = placing(x, y);
  const labels = spreadApart(lines.map(({ points }) => place.y(points.at(-1)?.median ?? y.from)));
  const drawn = lines.map((line, index) => drawLine(line, line.colour ?? index, place, labels[index] ?? 0));
  const ends = lines.map(({ label, points }) => `${label} ends at ${written(y, points.at(-1)?.median ?? Number.NaN)}.`);
  return `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${frame.width} ${frame.height}" width="${frame.width}" height="${frame.height}" role="img" aria-labelledby="title desc">
<title id="title">${escaped(title)}</title>
<desc id="desc">${escaped(`${about}. ${ends.join(' ')}`)}</desc>
<style>${chartStyle}</style>
<rect class="canvas" width="${frame.width}" height="${frame.height}" rx="6"/>
<text class="title" x="16" y="26">${escaped(title)}</text>
<text class="muted" x="16" y="46">${escaped(about)}</text>
${drawGrid(x, y, place)}
${rules.map(({ y: value, label }) => drawRule(place.y(value), label)).join('\n')}
${drawn.map(({ band }) => band).join('\n')}
${drawn.map(({ path }) => path).join('\n')}
</svg>
`;
}

interface Placing {
  x: (value: number) => number;
  y: (value: number) => number;
}

const rounded = (value: number): number => Math.round(value * 10) / 10;
const written = ({ text = String }: Axis, value: number): string => text(value);

function placing(x: Axis, y: Axis): Placing {
  const { width, height, left, right, top, bottom } = frame;
  const within = (value: number, axis: Axis) =>
    (Math.min(axis.to, Math.max(axis.from, value)) - axis.from) / (axis.to - axis.from);
  return {
    x: (value) => rounded(left + within(value, x) * (width - left - right)),
    y: (value) => rounded(height - bottom - within(value, y) * (height - top - bottom)),
  };
}

/** Round numbers on an axis, some six of them. */
export function ticksOf({ from, to }: Axis): number[] {
  const rough = (to - from) / ticksWanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10);
  const first = Math.ceil(from / step - 1e-9);
  const count = Math.floor(to / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, index) => Number(((first + index) * step).toPrecision(10)));
}

function drawGrid(x: Axis, y: Axis, place: Placing): string {
  const { width, height, left, right, top, bottom } = frame;
  const across = ticksOf(y).map((value) => {
    const at = place.y(value);
    return `<line class="grid" x1="${left}" x2="${width - right}" y1="${at}" y2="${at}"/>
<text class="muted" x="${left - 8}" y="${at + 4}" text-anchor="end">${escaped(written(y, value))}</text>`;
  });
  const along = ticksOf(x).map((value) => {
    const at = place.x(value);
    return `<line class="axis" x1="${at}" x2="${at}" y1="${height - bottom}" y2="${height - bottom + 5}"/>
<text class="muted" x="${at}" y="${height - bottom + 20}" text-anchor="middle">${escaped(written(x, value))}</text>`;
  });
  return `${across.join('\n')}
<line class="axis" x1="${left}" x2="${width - right}" y1="${height - bottom}" y2="${height - bottom}"/>
${along.join('\n')}
<text class="muted" x="${(left + width - right) / 2}" y="${height - 12}" text-anchor="middle">${escaped(x.label)}</text>
<text class="muted" x="${left}" y="${top - 6}" text-anchor="start">${escaped(`↑ ${y.label}`)}</text>`;
}

const drawRule = (at: number, label: string): string =>
  `<line class="rule" x1="${frame.left}" x2="${frame.width - frame.right}" y1="${at}" y2="${at}"/>
<text class="muted" x="${frame.left + 6}" y="${at - 5}">${escaped(label)}</text>`;

function drawLine({ label, points, isDashed }: Line, colour: number, place: Placing, labelY: number) {
  const at = (x: number, y: number) => `${place.x(x)},${place.y(y)}`;
  const ink = `var(--c${colour})`;
  const hasBand = points.some(({ lowest, highest }) => lowest !== highest);
  const edge = [
    ...points.map(({ x, highest }) => at(x, highest)),
    ...points.toReversed().map(({ x, lowest }) => at(x, lowest)),
  ];
  const last = points.at(-1) ?? { x: 0, median: 0 };
  const [endX, endY] = [place.x(last.x), place.y(last.median)];
  const textX = frame.width - frame.right + 22;
  const dashes = isDashed ? ' stroke-dasharray="6 4"' : '';
  return {
    band: hasBand ? `<polygon class="band" fill="${ink}" points="${edge.join(' ')}"/>` : '',
    path: `<polyline class="line" stroke="${ink}"${dashes} points="${points.map(({ x, median }) => at(x, median)).join(' ')}"/>
<polyline class="leader" stroke="${ink}" points="${endX + 2},${endY} ${textX - 10},${labelY} ${textX - 3},${labelY}"/>
<text class="name" style="fill:${ink}" x="${textX}" y="${rounded(labelY + 4.5)}">${escaped(label)}</text>`,
  };
}

/** Moves heights apart until none is nearer than a label to the next; their order stays. */
export function spreadApart(heights: readonly number[]): number[] {
  const order = heights.map((height, index) => ({ height, index })).toSorted((a, b) => a.height - b.height);
  const bottom = frame.height - frame.bottom;
  const placed = order.map(({ height }) => height);
  for (let index = 1; index < placed.length; index += 1) {
    placed[index] = Math.max(placed[index] ?? 0, (placed[index - 1] ?? 0) + labelHeight);
  }
  // From below back up, where the lowest was pushed out of the frame.
  let ceiling = bottom;
  for (let index = placed.length - 1; index >= 0; index -= 1) {
    placed[index] = Math.min(placed[index] ?? 0, ceiling);
    ceiling = (placed[index] ?? 0) - labelHeight;
  }
  const result = heights.slice();
  for (const [place, { index }] of order.entries()) result[index] = rounded(placed[place] ?? 0);
  return result;
}
