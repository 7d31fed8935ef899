/** One drawn chart, brought to life: states are lit and edges flash in the drawing the server sent. */

/** How long a taken edge stays lit, ms; the stylesheet's animation is as long. */
const flashMs = 1600;

export class ChartView {
  /** @param {{ svg: string, chart: { edges: { id: string, from: string, to: string | null }[] } }} drawn by the server */
  constructor({ svg, chart }) {
    const parsed = new DOMParser().parseFromString(svg, 'image/svg+xml');
    this.element = document.importNode(parsed.documentElement, true);
    /** Elements by state id. */
    this.states = new Map(
      [...this.element.querySelectorAll('[data-state]')].map((found) => [found.dataset.state, found]),
    );
    /** By edge id, its label and the line the label is on; an event handled in place has no line. */
    this.edges = new Map();
    const labels = new Map(
      [...this.element.querySelectorAll('[data-edge]')].map((found) => [found.dataset.edge, found]),
    );
    const lines = [...this.element.querySelectorAll('.line')];
    for (const { id, from, to } of chart.edges) {
      const line = lines.find(({ dataset }) => dataset.from === from && dataset.to === to);
      this.edges.set(id, [labels.get(id), line].filter(Boolean));
    }
  }

  /** @param {readonly string[]} active ids of the active states */
  light(active) {
    const lit = new Set(active);
    for (const [id, element] of this.states) element.classList.toggle('active', lit.has(id));
  }

  /** @param {readonly string[]} edges ids of the edges just taken */
  flash(edges) {
    for (const id of edges) {
      for (const element of this.edges.get(id) ?? []) {
        element.classList.remove('fired');
        // Reading the box makes the browser forget the class, so that the animation starts anew.
        element.getBBox();
        element.classList.add('fired');
        clearTimeout(element.flashTimer);
        element.flashTimer = setTimeout(() => element.classList.remove('fired'), flashMs);
      }
    }
  }

  /** Brings the innermost active state into view by scrolling `pane`, and nothing else, if it is not. */
  revealIn(pane) {
    const innermost = [...this.element.querySelectorAll('.state.active')].at(-1);
    if (!innermost) return;
    const seen = pane.getBoundingClientRect();
    const box = innermost.getBoundingClientRect();
    if (box.top < seen.top || box.bottom > seen.bottom) {
      pane.scrollTop += (box.top + box.bottom - seen.top - seen.bottom) / 2;
    }
    if (box.left < seen.left || box.right > seen.right) {
      pane.scrollLeft += (box.left + box.right - seen.left - seen.right) / 2;
    }
  }
}
