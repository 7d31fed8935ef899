/** Colours that remain apart to the colour-blind (after Okabe and Ito), for light pages and for dark ones. */
const colours = [
  ['#0072b2', '#5cb8ee'],
  ['#c24e00', '#ff9b54'],
  ['#00805d', '#2fd3a0'],
  ['#a23b7f', '#ee99cf'],
  ['#8a6a00', '#e8c547'],
  ['#475569', '#b6c2d1'],
  ['#5b3fc4', '#b3a2ff'],
  ['#8c1d40', '#ff8fa8'],
] as const;

/** How many lines can be told apart. */
export const coloursMax = colours.length;

const ink = (theme: 0 | 1): string => colours.map((pair, index) => `--c${index}:${pair[theme]}`).join(';');

/** Of every chart; the page's own colours are not known in an image, so that each has a ground of its own. */
export const chartStyle = `
.chart{--canvas:#fff;--ink:#0f172a;--muted:#526077;--grid:#e2e8f0;--cell:#f1f5f9;--lost:#b45309;--on:#fff;${ink(0)};
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-size:13px}
@media (prefers-color-scheme:dark){.chart{--canvas:#0d1117;--ink:#e6edf3;--muted:#9fb0c3;--grid:#243041;--cell:#1b2432;--lost:#ffb454;--on:#0d1117;${ink(1)}}}
.chart .canvas{fill:var(--canvas)}.chart text{fill:var(--ink)}.chart .muted{fill:var(--muted)}
.chart .title{font-size:15px;font-weight:600}.chart .grid{stroke:var(--grid)}.chart .axis{stroke:var(--muted)}
.chart .rule{stroke:var(--muted);stroke-dasharray:5 4}
.chart .line{fill:none;stroke-width:2;stroke-linejoin:round}.chart .band{opacity:.16}.chart .name{font-weight:600}
.chart .cell{fill:var(--cell)}.chart .lost{fill:var(--lost)}.chart .on{fill:var(--on)}
.chart .leader{stroke-width:1;opacity:.6;fill:none}
`;

export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
