import type { Chart } from '../../../../src/inspect/chart.ts';
import { ChartMap } from './chart-map.ts';

/** How long a taken edge stays lit, ms; the stylesheet's animation is as long. */
const flashMs = 1_600;
/** How long the drawing takes to glide to another place, ms. */
const glideMs = 260;
/** Pixels for one of the drawing's own: no larger than so, and at first no smaller than legible. */
const scaleMax = 3;
const scaleLegible = 0.72;

/** Where one looks: the middle, in the drawing's own pixels, and how large it is. */
interface Look {
  x: number;
  y: number;
  scale: number;
}

/** A chart that was drawn, brought to life: states are lit, edges flash, and it is moved and zoomed by its view box. */
export class Drawing {
  readonly element: SVGSVGElement;
  readonly map: ChartMap;
  readonly #states: Map<string, SVGGElement>;
  readonly #edges = new Map<string, SVGGElement[]>();
  readonly #timers = new Map<Element, number>();
  /** Events of edges, by their ids. */
  readonly #events: ReadonlyMap<string, string>;
  readonly #size: { width: number; height: number };
  #look: Look;
  #glide = 0;

  /** @param moved told when somebody moves it by its map. */
  constructor(svg: string, chart: Chart, moved: () => void) {
    const parsed = new DOMParser().parseFromString(svg, 'image/svg+xml');
    this.element = document.importNode(parsed.documentElement, true) as unknown as SVGSVGElement;
    const { width, height } = this.element.viewBox.baseVal;
    this.#size = { width, height };
    this.#look = { x: width / 2, y: height / 2, scale: 1 };
    this.#events = new Map(chart.edges.map(({ id, event }) => [id, event]));
    this.element.removeAttribute('width');
    this.element.removeAttribute('height');
    const found = <T extends Element>(selector: string) => [...this.element.querySelectorAll<T>(selector)];
    this.#states = new Map(found<SVGGElement>('[data-state]').map((one) => [one.dataset.state ?? '', one]));
    const go = (x: number, y: number): void => {
      this.#go({ ...this.#look, x, y });
      moved();
    };
    this.map = new ChartMap({ ...this.#size, states: this.#states, go });
    const labels = new Map(found<SVGGElement>('[data-edge]').map((one) => [one.dataset.edge, one]));
    const lines = found<SVGGElement>('.line');
    for (const { id, from, to } of chart.edges) {
      const line = lines.find(({ dataset }) => dataset.from === from && dataset.to === to);
      this.#edges.set(
        id,
        [labels.get(id), line].filter((one) => one !== undefined),
      );
    }
  }

  light(active: readonly string[]): void {
    const lit = new Set(active);
    for (const [id, element] of this.#states) element.classList.toggle('active', lit.has(id));
    this.map.light(lit);
  }

  flash(edges: readonly string[]): void {
    for (const element of edges.flatMap((id) => this.#edges.get(id) ?? [])) {
      element.classList.remove('fired');
      // Reading the box makes the browser forget the class, so that the animation starts anew.
      element.getBBox();
      element.classList.add('fired');
      clearTimeout(this.#timers.get(element));
      this.#timers.set(
        element,
        window.setTimeout(() => element.classList.remove('fired'), flashMs),
      );
    }
  }

  /** Marks every edge of an event; null: none. */
  mark(event: string | null): void {
    const edges = [...this.#edges];
    // A line may be shared by edges of several events.
    const chosen = new Set(edges.flatMap(([id, elements]) => (this.#events.get(id) === event ? elements : [])));
    for (const element of edges.flatMap(([, elements]) => elements)) {
      element.classList.toggle('chosen', chosen.has(element));
    }
  }

  /** @returns the event that is told at a place of the screen, or null. */
  eventAt(x: number, y: number): string | null {
    const edge = document.elementFromPoint(x, y)?.closest<SVGGElement>('[data-edge]')?.dataset.edge;
    return this.#events.get(edge ?? '') ?? null;
  }

  /** Marks what has this text in it, and shows the first. @returns how many were found. */
  find(text: string): number {
    const wanted = text.trim().toLowerCase();
    const all = [...this.#states.values(), ...[...this.#edges.values()].flatMap(([label]) => label ?? [])];
    let first: SVGGElement | null = null;
    let count = 0;
    for (const element of all) {
      const isFound = wanted !== '' && textOf(element).includes(wanted);
      element.classList.toggle('found', isFound);
      if (!isFound) continue;
      count += 1;
      first ??= element;
    }
    if (first) this.#show(first);
    return count;
  }

  /** @param atX where it stays as it is, as a share of what is seen. */
  zoom(factor: number, atX = 0.5, atY = 0.5): void {
    const { x, y, scale } = this.#look;
    const { width, height } = this.#room;
    const next = Math.min(scaleMax, Math.max(this.#wholeScale, scale * factor));
    const shift = 1 / scale - 1 / next;
    this.#go({ x: x + (atX - 0.5) * width * shift, y: y + (atY - 0.5) * height * shift, scale: next });
  }

  /** @param dx pixels of the screen. */
  pan(dx: number, dy: number): void {
    const { x, y, scale } = this.#look;
    this.#go({ x: x + dx / scale, y: y + dy / scale, scale });
  }

  /** Shows all of it. */
  fit(): void {
    const { width, height } = this.#size;
    this.#glideTo({ x: width / 2, y: height / 2, scale: this.#wholeScale });
  }

  /** Shows as much as can be read, around what is active. */
  begin(): void {
    const { width, height } = this.#size;
    const scale = Math.max(this.#wholeScale, Math.min(1, Math.max(scaleLegible, this.#room.width / width)));
    this.#go({ x: width / 2, y: height / 2, scale });
    this.reveal();
  }

  /** Brings the innermost active state to the middle. */
  reveal(): void {
    const innermost = [...this.element.querySelectorAll<SVGGElement>('.state.active')].at(-1);
    if (innermost) this.#show(innermost);
  }

  /** The place it is shown in has another size. */
  resized(): void {
    this.#go(this.#look);
  }

  get #room(): { width: number; height: number } {
    const { clientWidth, clientHeight } = this.element;
    return { width: Math.max(1, clientWidth), height: Math.max(1, clientHeight) };
  }

  get #wholeScale(): number {
    const { width, height } = this.#room;
    return Math.min(1, width / this.#size.width, height / this.#size.height);
  }

  #show(element: SVGGElement): void {
    const placed = /translate\(([\d.-]+) ([\d.-]+)\)/.exec(element.getAttribute('transform') ?? '');
    const box = element.getBBox();
    const x = Number(placed?.[1] ?? 0) + box.x + box.width / 2;
    const y = Number(placed?.[2] ?? 0) + box.y + box.height / 2;
    this.#glideTo({ x, y, scale: this.#look.scale });
  }

  #glideTo(target: Look): void {
    cancelAnimationFrame(this.#glide);
    if (window.matchMedia('(prefers-reduced-motion: reduce)').matches) {
      this.#go(target);
      return;
    }
    const from = this.#look;
    const to = this.#within(target);
    const beganMs = performance.now();
    const step = (nowMs: number): void => {
      const share = Math.min(1, Math.max(0, (nowMs - beganMs) / glideMs));
      const eased = 1 - (1 - share) ** 3;
      const between = (key: keyof Look) => from[key] + (to[key] - from[key]) * eased;
      this.#put({ x: between('x'), y: between('y'), scale: between('scale') });
      if (share < 1) this.#glide = requestAnimationFrame(step);
    };
    this.#glide = requestAnimationFrame(step);
  }

  #go(look: Look): void {
    cancelAnimationFrame(this.#glide);
    this.#put(this.#within(look));
  }

  /** Never beyond the edges of the drawing; what is smaller than its place stands in the middle. */
  #within({ x, y, scale }: Look): Look {
    const { width, height } = this.#room;
    const along = (at: number, seen: number, whole: number) =>
      seen >= whole ? whole / 2 : Math.min(Math.max(at, seen / 2), whole - seen / 2);
    return {
      x: along(x, width / scale, this.#size.width),
      y: along(y, height / scale, this.#size.height),
      scale,
    };
  }

  #put(look: Look): void {
    this.#look = look;
    const { width, height } = this.#room;
    const { x, y, scale } = look;
    const size = { width: width / scale, height: height / scale };
    const seen = { x: x - size.width / 2, y: y - size.height / 2, ...size };
    Object.assign(this.element.viewBox.baseVal, seen);
    this.map.frame(seen, scale > this.#wholeScale);
  }
}

/** Of a state its own lines, not those of the states in it. */
const textOf = (element: SVGGElement): string =>
  [...element.children]
    .filter(({ tagName }) => tagName === 'text' || tagName === 'title')
    .map(({ textContent }) => textContent)
    .join(' ')
    .toLowerCase();
