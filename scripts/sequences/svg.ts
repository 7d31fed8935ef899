/** A sequence as SVG, for light and dark pages. */
import { type Row, type Sequence, secondsText } from './sequence.ts';

const rowHeight = 30;
const headHeight = 76;
const firstLaneX = 150;
const laneWidth = 140;
const labelHeight = 5;
const arrowLength = 8;

const css = `
.seq{--canvas:#fff;--ink:#0f172a;--muted:#526077;--rail:#94a3b8;--box:#f1f5f9;--call:#1d4ed8;--answer:#526077;--work:#bfdbfe;--good:#15803d;--bad:#b91c1c;
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-size:13px;max-width:100%;height:auto}
@media (prefers-color-scheme:dark){.seq{--canvas:#0d1117;--ink:#e6edf3;--muted:#9aa8ba;--rail:#566478;--box:#1e2733;--call:#7db1ff;--answer:#9aa8ba;--work:#1d4480;--good:#4ade80;--bad:#f87171}}
.seq .canvas{fill:var(--canvas)}
.seq text{fill:var(--ink);paint-order:stroke;stroke:var(--canvas);stroke-width:4px;stroke-linejoin:round}
.seq .head{font-weight:600;stroke:none}
.seq .time{fill:var(--muted);font-size:11px}
.seq .title,.seq .phase{font-weight:600}
.seq .mid{text-anchor:middle}
.seq .end{text-anchor:end}
.seq .box{fill:var(--box);stroke:var(--rail)}
.seq .rail{stroke:var(--rail)}
.seq .away{stroke:var(--canvas);stroke-width:3;stroke-dasharray:4 5}
.seq .split{stroke:var(--rail);stroke-dasharray:2 4}
.seq .work{fill:var(--work);stroke:var(--rail)}
.seq .call{stroke:var(--call);fill:none;stroke-width:1.5}
.seq .answer{stroke:var(--answer);fill:none;stroke-width:1.5;stroke-dasharray:5 3}
.seq .call-head{fill:var(--call)}
.seq .answer-head{fill:var(--answer)}
.seq .good{fill:var(--good);font-weight:600}
.seq .bad{fill:var(--bad);font-weight:600}
`;

/** @returns the drawing as an SVG document. */
export function renderSequence({ id, title, lanes, rows, training, away }: Sequence): string {
  const laneX = (lane: string): number => firstLaneX + lanes.indexOf(lane) * laneWidth;
  const rowY = (index: number): number => headHeight + 30 + index * rowHeight;
  const width = firstLaneX + (lanes.length - 1) * laneWidth + laneWidth / 2 + 10;
  const bottom = rowY(rows.length) - 8;
  const height = bottom + 12;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" class="seq" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="${id}-title ${id}-desc">`,
    `<title id="${id}-title">${title}</title>`,
    `<desc id="${id}-desc">${rows.map(inWords).join(' ')}</desc>`,
    `<style>${css}</style>`,
    `<rect class="canvas" width="${width}" height="${height}"/>`,
    `<text class="title" x="16" y="26">${title}</text>`,
    ...lanes.map((lane) => renderLane(lane, laneX(lane), bottom)),
    ...away.map(({ lane, from, to }) => {
      const x = laneX(lane);
      return `<line class="away" x1="${x}" x2="${x}" y1="${rowY(from)}" y2="${Math.min(bottom, rowY(to))}"/>`;
    }),
    ...training.map(({ lane, from, to }) => {
      const y = rowY(from);
      return `<rect class="work" x="${laneX(lane) - 5}" y="${y}" width="10" height="${Math.min(bottom, rowY(to)) - y}" rx="3"/>`;
    }),
    ...rows.map((row, index) => renderRow(row, { y: rowY(index), width, laneX })),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

function renderLane(lane: string, x: number, bottom: number): string {
  const half = laneWidth / 2 - 12;
  return (
    `<line class="rail" x1="${x}" x2="${x}" y1="${headHeight - 4}" y2="${bottom}"/>` +
    `<rect class="box" x="${x - half}" y="${headHeight - 34}" width="${2 * half}" height="30" rx="6"/>` +
    `<text class="head mid" x="${x}" y="${headHeight - 14}">${lane}</text>`
  );
}

interface Place {
  y: number;
  width: number;
  laneX: (lane: string) => number;
}

function renderRow(row: Row, place: Place): string {
  const { y, width, laneX } = place;
  const time = `<text class="time" x="16" y="${y + 4}">${secondsText(row.atMs)}</text>`;
  if (row.kind === 'phase') {
    return `<line class="split" x1="16" x2="${width - 16}" y1="${y + 9}" y2="${y + 9}"/>${time}<text class="phase" x="${firstLaneX + 12}" y="${y + 3}">${row.text}</text>`;
  }
  if (row.kind === 'message') return time + renderMessage(row, place);
  const x = laneX(row.lane);
  return `${time}<circle class="${row.tone}" cx="${x}" cy="${y}" r="5"/><text class="${row.tone}" x="${x + 12}" y="${y + 4}">${row.text}</text>`;
}

function renderMessage({ from, to, text, isAnswer }: Row & { kind: 'message' }, { y, laneX }: Place): string {
  const kind = isAnswer ? 'answer' : 'call';
  const start = laneX(from);
  const ends = to.map(laneX).sort((one, other) => Math.abs(one - start) - Math.abs(other - start));
  const [nearest = start] = ends;
  const far = ends.at(-1) ?? start;
  const heads = ends.map((x) => {
    const back = x > start ? -arrowLength : arrowLength;
    return `<polygon class="${kind}-head" points="${x},${y} ${x + back},${y - 4} ${x + back},${y + 4}"/>`;
  });
  // Beside the end where the arrow is short, so that no lifeline crosses the words.
  const middle = ends.length > 1 ? (start + nearest) / 2 : (start + far) / 2;
  const label = `<text class="mid" x="${middle}" y="${y - labelHeight}">${text}</text>`;
  return `<line class="${kind}" x1="${start}" x2="${far}" y1="${y}" y2="${y}"/>${heads.join('')}${label}`;
}

/** A row for those who cannot see it. */
function inWords(row: Row): string {
  const at = secondsText(row.atMs);
  if (row.kind === 'message') return `${at}: ${row.from} to ${row.to.join(', ')}: ${row.text}.`;
  return row.kind === 'phase' ? `${at}: phase ${row.text}.` : `${at}: ${row.text}.`;
}
