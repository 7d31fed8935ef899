import type { Result } from './report.ts';

/** Beyond this many times better or worse than wanted a bar is cut off. */
const marginMax = 4;
const layout = { width: 900, labelWidth: 470, rowHeight: 26, barHeight: 14, top: 56, bottom: 16, right: 150 } as const;

const style = `
.summary{--canvas:#fff;--ink:#0f172a;--muted:#64748b;--grid:#cbd5e1;--met:#15803d;--short:#b91c1c;
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-size:12px}
@media (prefers-color-scheme:dark){.summary{--canvas:#0d1117;--ink:#e6edf3;--muted:#94a3b8;--grid:#334155;--met:#4ade80;--short:#f87171}}
.summary .canvas{fill:var(--canvas)}.summary text{fill:var(--ink)}.summary .muted{fill:var(--muted)}
.summary .grid{stroke:var(--grid)}.summary .wanted{stroke:var(--ink);stroke-width:1.5}
.summary .met{fill:var(--met)}.summary .short{fill:var(--short)}
`;

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** Every target of the benchmarks as a bar: to the right it is met, to the left it is not; each step is a factor of two. */
export function summaryChart(results: readonly Result[]): string {
  const { width, labelWidth, rowHeight, barHeight, top, bottom, right } = layout;
  const rows = results.flatMap(({ rows }) => rows).filter(({ margin }) => margin !== null);
  const height = top + rows.length * rowHeight + bottom;
  const middle = labelWidth + (width - labelWidth - right) / 2;
  const perDoubling = (width - labelWidth - right) / 2 / Math.log2(marginMax);
  const xOf = (margin: number): number => {
    const cut = Math.min(marginMax, Math.max(1 / marginMax, margin));
    return Math.round(middle + Math.log2(cut) * perDoubling);
  };
  const grid = [1 / 4, 1 / 2, 1, 2, 4].map((margin) => {
    const x = xOf(margin);
    const label = margin < 1 ? `1/${1 / margin}` : `${margin} ×`;
    return `<line class="${margin === 1 ? 'wanted' : 'grid'}" x1="${x}" x2="${x}" y1="${top - 8}" y2="${height - bottom}"/>
<text class="muted" x="${x}" y="${top - 14}" text-anchor="middle">${margin === 1 ? 'as wanted' : label}</text>`;
  });
  const bars = rows.map(({ what, against, margin, isMet, wanted }, index) => {
    const y = top + index * rowHeight;
    const x = xOf(margin ?? 1);
    const baseline = y + barHeight - 2;
    return `<text x="8" y="${baseline}">${escaped(shortened(what))}<title>${escaped(`${what}${against && `, against ${against}`}`)}</title></text>
<rect class="${isMet ? 'met' : 'short'}" x="${Math.min(x, middle)}" y="${y}" width="${Math.max(1, Math.abs(x - middle))}" height="${barHeight}" rx="2"/>
<text class="${isMet ? 'muted' : 'short'}" x="${width - right + 12}" y="${baseline}">${escaped(wanted)}${isMet ? '' : ' ✗'}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" class="summary" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="summary-title summary-desc">
<title id="summary-title">Benchmarks against what is wanted</title>
<desc id="summary-desc">${escaped(rows.map(({ what, wanted, isMet }) => `${what}: ${wanted} ${isMet ? 'met' : 'not met'}.`).join(' '))}</desc>
<style>${style}</style>
<rect class="canvas" width="${width}" height="${height}" rx="6"/>
<text x="8" y="22" font-weight="600">How many times better than wanted</text>
${grid.join('\n')}
${bars.join('\n')}
</svg>
`;
}

const labelMax = 70;
const shortened = (text: string): string => (text.length > labelMax ? `${text.slice(0, labelMax - 1)}…` : text);
