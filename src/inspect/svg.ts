/**
 * A chart as SVG. Every state carries `data-state`, every transition `data-edge`; the class `active` lights a state and
 * `fired` an edge, so a page can bring a drawing to life without drawing it again.
 */
import { edgeText, fonts, type LineStyle, type TextLine } from './boxes.ts';
import { type ChartState, everyState } from './chart.ts';
import { type ChartLayout, type PlacedEdge, type PlacedState, type Point, startDotRadius } from './place.ts';

export interface SvgOptions {
  /** Ids of states to light; see `activeStates`. */
  active?: readonly string[];
  /** Whether the drawing brings its own stylesheet; a page with a strict policy links {@link chartCss} instead. @default true */
  standalone?: boolean;
}

/** @returns the drawing as an SVG document. */
export function renderSvg(layout: ChartLayout, { active = [], standalone = true }: SvgOptions = {}): string {
  const { chart, width, height } = layout;
  const name = `chart-${chart.id}`;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" data-chart="${escapeXml(chart.id)}" viewBox="0 0 ${width} ${height}" ` +
      `width="${width}" height="${height}" role="img" aria-labelledby="${escapeXml(name)}-title ${escapeXml(name)}-desc">`,
    `<title id="${escapeXml(name)}-title">Statechart of the ${escapeXml(chart.id)}</title>`,
    `<desc id="${escapeXml(name)}-desc">${escapeXml(inWords(chart))}</desc>`,
    ...(standalone ? [`<style>${chartCss}</style>`] : []),
    ...layout.states.map((placed) => renderState(placed, active)),
    ...layout.edges.map(renderLine),
    ...layout.anchors.map(
      ({ x, y, width, height, text }) =>
        `<g class="anchor" transform="translate(${x} ${y})"><rect width="${width}" height="${height}" rx="${height / 2}"/>` +
        `${text.lines.map((line) => renderText({ ...line, x: width / 2 }, true)).join('')}</g>`,
    ),
    ...layout.starts.map(
      ({ x, y, points }) =>
        `<g class="start"><circle cx="${x}" cy="${y}" r="${startDotRadius}"/>${renderPath(points)}</g>`,
    ),
    ...layout.edges.flatMap(renderLabels),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

/** The chart for those who cannot see it. */
function inWords(chart: ChartState): string {
  const described = everyState(chart).slice(1);
  const names = described.map(({ key, type, description }) => {
    const final = type === 'final' ? ' (final)' : '';
    return description ? `${key}${final}: ${description}` : `${key}${final}.`;
  });
  return `States: ${names.join(' ')}`;
}

function renderState({ state, depth, x, y, width, height, text }: PlacedState, active: readonly string[]): string {
  const classes = ['state', state.type, depth === 0 ? 'machine' : '', active.includes(state.id) ? 'active' : ''];
  const centred = text.lines.length === 1 && state.states.length === 0;
  const inset = 3;
  return [
    `<g class="${classes.filter(Boolean).join(' ')}" data-state="${escapeXml(state.id)}" transform="translate(${x} ${y})">`,
    `<rect class="box" width="${width}" height="${height}" rx="${depth === 0 ? 12 : 8}"/>`,
    state.type === 'final'
      ? `<rect class="inner" x="${inset}" y="${inset}" width="${width - 2 * inset}" height="${height - 2 * inset}" rx="6"/>`
      : '',
    ...text.lines.map((line, index) => {
      const { edge } = line;
      const opens = edge !== null && edge !== text.lines[index - 1]?.edge ? `<g data-edge="${escapeXml(edge)}">` : '';
      const closes = edge !== null && edge !== text.lines[index + 1]?.edge ? '</g>' : '';
      return opens + renderText(centred ? { ...line, x: width / 2 } : line, centred) + closes;
    }),
    '</g>',
  ]
    .filter(Boolean)
    .join('');
}

function renderText({ text, style, x, y }: TextLine, centred: boolean): string {
  return `<text class="t-${style}${centred ? ' centred' : ''}" x="${x}" y="${y}">${escapeXml(text)}</text>`;
}

function renderLine({ from, to, points, labels }: PlacedEdge): string {
  const kinds = new Set(labels.map(({ edge }) => edge.kind));
  const kind = kinds.size === 1 ? [...kinds].join() : 'mixed';
  return `<g class="line kind-${kind}" data-from="${escapeXml(from)}" data-to="${escapeXml(to)}">${renderPath(points)}</g>`;
}

function renderLabels({ labels }: PlacedEdge): string[] {
  return labels.map(({ edge, x, y, width, height, text }) =>
    [
      `<g class="label kind-${edge.kind}" data-edge="${escapeXml(edge.id)}" transform="translate(${x} ${y})">`,
      `<title>${escapeXml(edge.description ?? edgeText(edge))}</title>`,
      `<rect width="${width}" height="${height}" rx="5"/>`,
      ...text.lines.map((line) => renderText({ ...line, x: width / 2 }, true)),
      '</g>',
    ].join(''),
  );
}

const arrowLength = 8;
const cornerRadius = 6;

/** A line with rounded corners and an arrowhead at its end. */
function renderPath(points: readonly Point[]): string {
  const end = points.at(-1);
  const before = points.at(-2);
  if (!end || !before) return '';
  const length = Math.hypot(end.x - before.x, end.y - before.y) || 1;
  const along = { x: (end.x - before.x) / length, y: (end.y - before.y) / length };
  const neck = { x: end.x - along.x * arrowLength, y: end.y - along.y * arrowLength };
  const half = { x: -along.y * arrowLength * 0.45, y: along.x * arrowLength * 0.45 };
  const head = [end, { x: neck.x + half.x, y: neck.y + half.y }, { x: neck.x - half.x, y: neck.y - half.y }];
  return (
    `<path d="${pathData([...points.slice(0, -1), neck])}"/>` +
    `<polygon points="${head.map(({ x, y }) => `${short(x)},${short(y)}`).join(' ')}"/>`
  );
}

function pathData(points: readonly Point[]): string {
  return points
    .map((point, index) => {
      const before = points[index - 1];
      const after = points[index + 1];
      if (!before) return `M${at(point)}`;
      if (!after) return `L${at(point)}`;
      return `L${at(towards(point, before))}Q${at(point)} ${at(towards(point, after))}`;
    })
    .join('');
}

/** The point where a rounded corner begins: on the way from the corner to its neighbour, half-way at most. */
function towards(corner: Point, neighbour: Point): Point {
  const distance = Math.hypot(neighbour.x - corner.x, neighbour.y - corner.y);
  const share = distance === 0 ? 0 : Math.min(cornerRadius / distance, 0.5);
  return { x: corner.x + (neighbour.x - corner.x) * share, y: corner.y + (neighbour.y - corner.y) * share };
}

const short = (value: number): string => String(Math.round(value * 10) / 10);
const at = ({ x, y }: Point): string => `${short(x)} ${short(y)}`;

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escapeXml = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] ?? character);

const font = (style: LineStyle): string =>
  `.chart .t-${style}{font-size:${fonts[style].sizePx}px${fonts[style].bold ? ';font-weight:600' : ''}}`;

/** How charts look. Colours are custom properties, so a page can set its own. */
export const chartCss = `
.chart{--canvas:#fff;--group:#f8fafc;--box:#fff;--stroke:#94a3b8;--ink:#0f172a;--muted:#64748b;--line:#64748b;--pill:#f1f5f9;
--guard:#6d28d9;--delay:#b45309;--done:#15803d;--error:#b91c1c;--lit:#2563eb;--lit-box:#dbeafe;--lit-group:#f3f8ff;
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;max-width:100%;height:auto}
@media (prefers-color-scheme:dark){.chart{--canvas:#0d1117;--group:#11171f;--box:#161d27;--stroke:#475569;--ink:#e6edf3;--muted:#94a3b8;
--line:#8b98a9;--pill:#1e2733;--guard:#c4b5fd;--delay:#fbbf24;--done:#4ade80;--error:#f87171;--lit:#60a5fa;--lit-box:#12305c;--lit-group:#0f1b2e}}
${(Object.keys(fonts) as LineStyle[]).map(font).join('\n')}
.chart text{fill:var(--ink)}
.chart .centred{text-anchor:middle}
.chart .t-description,.chart .t-actions,.chart .t-detail{fill:var(--muted)}
.chart .t-guard,.chart .t-tag{fill:var(--guard)}
.chart .box{fill:var(--box);stroke:var(--stroke);stroke-width:1.2}
.chart .compound>.box,.chart .parallel>.box{fill:var(--group)}
.chart .machine>.box{fill:var(--canvas)}
.chart .parallel>.box{stroke-dasharray:6 4}
.chart .inner{fill:none;stroke:var(--stroke);stroke-width:1.2}
.chart .anchor rect{fill:none;stroke:var(--stroke);stroke-width:1.2;stroke-dasharray:3 3}
.chart .active:not(.machine)>.box{fill:var(--lit-box);stroke:var(--lit);stroke-width:2}
.chart .active:not(.machine).compound>.box,.chart .active:not(.machine).parallel>.box{fill:var(--lit-group)}
.chart .active>.inner{stroke:var(--lit)}
.chart .line path,.chart .start path{fill:none;stroke:var(--line);stroke-width:1.4}
.chart .line polygon,.chart .start circle,.chart .start polygon{fill:var(--line)}
.chart .line.kind-delay path{stroke-dasharray:6 4}
.chart .line.kind-always path{stroke-dasharray:2 3}
.chart .label rect{fill:var(--pill)}
.chart .kind-delay .t-event{fill:var(--delay)}
.chart .kind-done .t-event{fill:var(--done)}
.chart .kind-error .t-event{fill:var(--error)}
.chart .kind-always .t-event{fill:var(--muted)}
`.trim();
