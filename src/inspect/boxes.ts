/** What is written in a state's box and on an edge, line by line, and how large that is. Pure. */
import type { Chart, ChartEdge, ChartState } from './chart.ts';
import { textWidth, wrapText } from './text.ts';

export type LineStyle = 'title' | 'description' | 'detail' | 'handled' | 'tag' | 'event' | 'guard' | 'actions';

/** One line of text; `x` and `y` are its baseline, relative to the box it is in. */
export interface TextLine {
  text: string;
  style: LineStyle;
  x: number;
  y: number;
  /** The edge this line stands for, when a state handles an event without leaving. */
  edge: string | null;
}

/** Lines of text with the room they take, padding included. */
export interface TextBox {
  width: number;
  height: number;
  lines: TextLine[];
}

/** Font size and the advance to the next baseline, px. The stylesheet in `svg.ts` uses the same sizes. */
export const fonts: Record<LineStyle, { sizePx: number; advancePx: number; bold: boolean }> = {
  title: { sizePx: 14, advancePx: 20, bold: true },
  description: { sizePx: 11, advancePx: 15, bold: false },
  detail: { sizePx: 11, advancePx: 15, bold: false },
  handled: { sizePx: 11, advancePx: 15, bold: false },
  tag: { sizePx: 11, advancePx: 15, bold: false },
  event: { sizePx: 12, advancePx: 15, bold: true },
  guard: { sizePx: 11, advancePx: 14, bold: false },
  actions: { sizePx: 11, advancePx: 14, bold: false },
};

/** Longer lines of a state are wrapped; px. */
const stateLineWidthMax = 230;
const edgeLineWidthMax = 200;

class BoxWriter {
  #width = 0;
  #y: number;
  readonly #lines: TextLine[] = [];
  readonly #paddingX: number;
  readonly #paddingY: number;

  constructor(paddingX: number, paddingY: number) {
    this.#paddingX = paddingX;
    this.#paddingY = paddingY;
    this.#y = paddingY;
  }

  write(style: LineStyle, texts: readonly string[], edge: string | null = null): void {
    const { sizePx, advancePx, bold } = fonts[style];
    for (const [index, text] of texts.entries()) {
      // Continued lines of a list stand in a little; centred ones and sentences do not.
      const indent = index > 0 && (style === 'detail' || style === 'handled') ? 10 : 0;
      const baseline = this.#y + advancePx / 2 + sizePx * 0.36;
      this.#lines.push({ text, style, x: this.#paddingX + indent, y: Math.round(baseline * 10) / 10, edge });
      this.#width = Math.max(this.#width, indent + textWidth(text, sizePx, bold));
      this.#y += advancePx;
    }
  }

  wrap(style: LineStyle, text: string, widthPxMax: number, edge: string | null = null): void {
    this.write(style, wrapText(text, fonts[style].sizePx, widthPxMax), edge);
  }

  finish(): TextBox {
    return {
      width: Math.ceil(this.#width) + 2 * this.#paddingX,
      height: Math.ceil(this.#y) + this.#paddingY,
      lines: this.#lines,
    };
  }
}

/** @returns the text of a state's box: title, description, what it does, and the events it handles in place. */
export function stateBox(state: ChartState, chart: Chart): TextBox {
  const box = new BoxWriter(12, 7);
  box.write('title', [state.key]);
  if (state.tags.length > 0) box.wrap('tag', state.tags.map((tag) => `#${tag}`).join(' '), stateLineWidthMax);
  if (state.description) box.wrap('description', state.description, stateLineWidthMax);
  if (state.entry.length > 0) box.wrap('detail', `entry / ${state.entry.join(', ')}`, stateLineWidthMax);
  if (state.exit.length > 0) box.wrap('detail', `exit / ${state.exit.join(', ')}`, stateLineWidthMax);
  for (const { id, src } of state.invoke) {
    box.wrap('detail', `runs ${id === src ? id : `${id} (${src})`}`, stateLineWidthMax);
  }
  for (const edge of chart.edges) {
    if (edge.from === state.id && edge.to === null) box.wrap('handled', edgeText(edge), stateLineWidthMax, edge.id);
  }
  return box.finish();
}

/** @returns the text on an edge: event, then its guard, then its actions. */
export function edgeBox(edge: ChartEdge): TextBox {
  const box = new BoxWriter(9, 4);
  box.wrap('event', edge.event, edgeLineWidthMax);
  if (edge.guard) box.wrap('guard', `[${edge.guard}]`, edgeLineWidthMax);
  if (edge.actions.length > 0) box.wrap('actions', `/ ${edge.actions.join(', ')}`, edgeLineWidthMax);
  return box.finish();
}

/** The text of a place that edges into a state's own children come from. */
export const anchorBox: TextBox = (() => {
  const box = new BoxWriter(10, 4);
  box.write('detail', ['in any state']);
  return box.finish();
})();

/** An edge on one line: `update.accepted [guard] / action`. */
export function edgeText({ event, guard, actions }: ChartEdge): string {
  return [event, guard && `[${guard}]`, actions.length > 0 && `/ ${actions.join(', ')}`].filter(Boolean).join(' ');
}
