const svgNamespace = 'http://www.w3.org/2000/svg';

/** A part of the drawing, in its own pixels. */
interface Part {
  x: number;
  y: number;
  width: number;
  height: number;
}

interface ChartMapOptions {
  /** Of the drawing. */
  width: number;
  height: number;
  /** What is drawn of it: its states, by id. */
  states: ReadonlyMap<string, SVGGElement>;
  /** Somebody pointed at a place. */
  go: (x: number, y: number) => void;
}

/** The whole chart, small, with the part that is seen framed; pressed on, the drawing goes there. A convenience for pointers. */
export class ChartMap {
  readonly element: SVGSVGElement;
  readonly #boxes = new Map<string, SVGRectElement>();
  readonly #frame: SVGRectElement;

  constructor({ width, height, states, go }: ChartMapOptions) {
    this.element = document.createElementNS(svgNamespace, 'svg');
    this.element.classList.add('chart-map');
    this.element.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.element.setAttribute('aria-hidden', 'true');
    for (const [id, state] of states) {
      const box = state.querySelector<SVGRectElement>(':scope > .box')?.cloneNode() as SVGRectElement | undefined;
      if (!box) continue;
      box.setAttribute('transform', state.getAttribute('transform') ?? '');
      this.#boxes.set(id, box);
      this.element.append(box);
    }
    this.#frame = document.createElementNS(svgNamespace, 'rect');
    this.#frame.classList.add('frame');
    this.element.append(this.#frame);
    this.#follow(go);
  }

  light(active: ReadonlySet<string>): void {
    for (const [id, box] of this.#boxes) box.classList.toggle('active', active.has(id));
  }

  /** @param isPart whether there is more than is seen; else the map says nothing, and is hidden. */
  frame(seen: Part, isPart: boolean): void {
    for (const [name, value] of Object.entries(seen)) this.#frame.setAttribute(name, String(value));
    this.element.classList.toggle('is-needless', !isPart);
  }

  #follow(go: (x: number, y: number) => void): void {
    const point = (event: PointerEvent): void => {
      // Else the drawing below would be dragged.
      event.stopPropagation();
      if (event.type === 'pointerdown') this.element.setPointerCapture(event.pointerId);
      const matrix = this.element.getScreenCTM();
      if (event.buttons !== 1 || !matrix) return;
      const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
      go(x, y);
    };
    this.element.addEventListener('pointerdown', point);
    this.element.addEventListener('pointermove', point);
  }
}
