import { chartStyle, escaped } from './chart-style.ts';

export interface GridChart {
  title: string;
  about: string;
  columns: readonly { group: string; lines: readonly string[] }[];
  rows: readonly { label: string; cells: readonly GridCell[] }[];
}

export interface GridCell {
  text: string;
  /** 0: nothing was lost, to 1: all. */
  loss: number;
}

const frame = { left: 130, top: 112, cellWidth: 74, cellHeight: 32, right: 16, bottom: 16, gap: 14 } as const;
/** What a loss is filled up to; text on it stays legible. */
const shareMax = 0.8;
/** Losses at which the fill goes up a step, with their fills. */
const steps = [
  { from: 0.5, fill: 1 },
  { from: 0.2, fill: 0.7 },
  { from: 0.1, fill: 0.45 },
  { from: 0.03, fill: 0.22 },
] as const;

/** A table whose cells are the darker, the more was lost. */
export function gridChart({ title, about, columns, rows }: GridChart): string {
  const lefts = leftsOf(columns);
  const width = (lefts.at(-1) ?? frame.left) + frame.cellWidth + frame.right;
  const height = frame.top + rows.length * frame.cellHeight + frame.bottom + 30;
  const heads = columns.map(({ group, lines }, index) => {
    const x = (lefts[index] ?? 0) + frame.cellWidth / 2;
    const texts = lines.map((line, row) => {
      const y = frame.top - 10 - (lines.length - 1 - row) * 15;
      return `<text class="muted" x="${x}" y="${y}" text-anchor="middle" font-size="12">${escaped(line)}</text>`;
    });
    const isFirst = columns.findIndex((column) => column.group === group) === index;
    const name = `<text x="${lefts[index]}" y="${frame.top - 44}" class="name">${escaped(group)}</text>`;
    return [...(isFirst ? [name] : []), ...texts].join('\n');
  });
  const cells = rows.map(({ label, cells: values }, row) => {
    const y = frame.top + row * frame.cellHeight;
    const drawn = values.map((value, index) => drawCell(value, lefts[index] ?? 0, y));
    return `<text x="${frame.left - 12}" y="${y + 21}" text-anchor="end">${escaped(label)}</text>\n${drawn.join('\n')}`;
  });
  const told = rows.map(({ label, cells: values }) => `${label}: ${values.map(({ text }) => text).join(', ')}.`);
  return `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title desc">
<title id="title">${escaped(title)}</title>
<desc id="desc">${escaped(`${about}. ${told.join(' ')}`)}</desc>
<style>${chartStyle}</style>
<rect class="canvas" width="${width}" height="${height}" rx="6"/>
<text class="title" x="16" y="26">${escaped(title)}</text>
<text class="muted" x="16" y="46">${escaped(about)}</text>
${heads.join('\n')}
${cells.join('\n')}
${legend(height - 22)}
</svg>
`;
}

function leftsOf(columns: GridChart['columns']): number[] {
  let gaps = 0;
  return columns.map(({ group }, index) => {
    if (index > 0 && columns[index - 1]?.group !== group) gaps += 1;
    return frame.left + index * frame.cellWidth + gaps * frame.gap;
  });
}

const fillOf = (loss: number): number => steps.find(({ from }) => loss >= from)?.fill ?? 0;

function box(x: number, y: number, width: number, height: number, fill: number): string {
  const at = `x="${x + 1}" y="${y + 1}" width="${width - 2}" height="${height - 2}" rx="3"`;
  return `<rect class="cell" ${at}/>${fill > 0 ? `<rect class="lost" ${at} opacity="${(fill * shareMax).toFixed(2)}"/>` : ''}`;
}

const drawCell = ({ text, loss }: GridCell, x: number, y: number): string =>
  `${box(x, y, frame.cellWidth, frame.cellHeight, fillOf(loss))}
<text${fillOf(loss) >= 0.7 ? ' class="on"' : ''} x="${x + frame.cellWidth / 2}" y="${y + 21}" text-anchor="middle">${escaped(text)}</text>`;

/** What the fills stand for. */
function legend(y: number): string {
  const entries = [...steps].reverse().map(({ from, fill }) => ({ fill, text: `${from * 100} points or more` }));
  const all = [{ fill: 0, text: 'lost less than 3 points' }, ...entries];
  return all
    .map(({ fill, text }, index) => {
      const x = frame.left + index * 160;
      return `${box(x, y - 10, 16, 16, fill)}<text class="muted" x="${x + 22}" y="${y + 3}" font-size="12">${text}</text>`;
    })
    .join('\n');
}
