import { useEffect, useRef, useState } from 'preact/hooks';
import type { Chart } from '../../../../src/inspect/chart.ts';
import { sentenceOf } from '../../api/problem.ts';
import { Trouble } from '../../parts/small.tsx';
import { moment } from '../../state/moment.ts';
import { edgesBetween } from './active.ts';
import { Drawing } from './drawing.ts';
import { drawChart } from './engine.ts';
import { followPointers } from './gestures.ts';
import { onTransition } from './machines.ts';

const zoomStep = 1.25;
/** Pixels that an arrow key moves it. */
const panStep = 60;

interface StageProps {
  chart: Chart;
  active: readonly string[];
  /** That is marked, or null. */
  event: string | null;
  /** Somebody clicked on an event. */
  choose: (event: string) => void;
}

/** The drawing of one chart: moved by dragging or arrow keys, zoomed by wheel, pinch, buttons or plus and minus. */
export function Stage({ chart, active, event, choose }: StageProps) {
  const host = useRef<HTMLElement>(null);
  const drawing = useRef<Drawing | null>(null);
  const before = useRef<readonly string[]>([]);
  const [state, setState] = useState<'drawing' | 'drawn' | { problem: string }>('drawing');
  const [found, setFound] = useState<number | null>(null);
  /** Whether the drawing goes along with the machine. Who moves it by hand does not want that. */
  const [follows, setFollows] = useState(true);

  useEffect(() => {
    let isGone = false;
    drawChart(chart)
      .then((svg) => {
        if (isGone || !host.current) return;
        drawing.current = new Drawing(svg, chart, () => setFollows(false));
        host.current.replaceChildren(drawing.current.element, drawing.current.map.element);
        drawing.current.light(before.current);
        drawing.current.begin();
        setState('drawn');
      })
      .catch((error: unknown) => setState({ problem: sentenceOf(error) }));
    const stop = onTransition((transition) => {
      // What happens now is not shown on a moment of the past.
      if (moment.peek() === null && transition.actor === chart.id) drawing.current?.flash(transition.edges);
    });
    const letGo =
      host.current &&
      followPointers(host.current, () => drawing.current, {
        moved: () => setFollows(false),
        clicked: (place) => {
          const clicked = drawing.current?.eventAt(place.x, place.y) ?? null;
          if (clicked !== null) choose(clicked);
        },
      });
    const resized = new ResizeObserver(() => drawing.current?.resized());
    if (host.current) resized.observe(host.current);
    return () => {
      isGone = true;
      letGo?.();
      resized.disconnect();
      stop();
    };
  }, [chart]);

  useEffect(() => {
    drawing.current?.light(active);
    if (before.current.length > 0) drawing.current?.flash(edgesBetween(chart, before.current, active));
    before.current = active;
    if (follows) drawing.current?.reveal();
  }, [chart, active.join(), state]);

  useEffect(() => drawing.current?.mark(event), [chart, event, state]);

  const onKeyDown = (pressed: KeyboardEvent) => {
    const { current } = drawing;
    const moves: Record<string, () => void> = {
      ArrowLeft: () => current?.pan(-panStep, 0),
      ArrowRight: () => current?.pan(panStep, 0),
      ArrowUp: () => current?.pan(0, -panStep),
      ArrowDown: () => current?.pan(0, panStep),
      '+': () => current?.zoom(zoomStep),
      '=': () => current?.zoom(zoomStep),
      '-': () => current?.zoom(1 / zoomStep),
      '0': () => current?.fit(),
    };
    const move = moves[pressed.key];
    if (!move) return;
    pressed.preventDefault();
    setFollows(false);
    move();
  };
  const look = (move: (current: Drawing) => void) => () => {
    setFollows(false);
    if (drawing.current) move(drawing.current);
  };

  const search = (text: string) => {
    const some = drawing.current?.find(text) ?? 0;
    setFound(text.trim() === '' ? null : some);
    if (some > 0) setFollows(false);
  };

  return (
    <section class="stage card" aria-label={`Statechart of the ${chart.id}`}>
      <div class="bar">
        <label class="search">
          <span class="sr-only">Find a state or event</span>
          <input
            type="search"
            placeholder="Find a state or event"
            onInput={({ currentTarget: { value } }) => search(value)}
          />
        </label>
        <span class="faint" role="status">
          {found !== null && `${found} found`}
        </span>
        <div class="zoom grow-left">
          <button
            type="button"
            aria-pressed={follows}
            onClick={() => {
              setFollows(!follows);
              if (!follows) drawing.current?.reveal();
            }}
          >
            Follow
          </button>
          <button type="button" onClick={look((one) => one.fit())}>
            Whole
          </button>
          <button type="button" aria-label="Smaller" onClick={() => drawing.current?.zoom(1 / zoomStep)}>
            −
          </button>
          <button type="button" aria-label="Larger" onClick={() => drawing.current?.zoom(zoomStep)}>
            +
          </button>
        </div>
      </div>
      {state === 'drawing' && <p class="faint loading">Laying the chart out…</p>}
      {typeof state === 'object' && <Trouble>The chart could not be drawn: {state.problem}</Trouble>}
      <section
        class="drawing"
        ref={host}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it is moved and zoomed by keyboard; buttons do it too
        tabIndex={0}
        aria-label="Drawing: arrow keys move it, plus and minus zoom, zero shows the whole"
        onKeyDown={onKeyDown}
        onWheel={(event) => zoomByWheel(event, drawing.current)}
      />
      <Legend />
    </section>
  );
}

/** What lines and colours say. */
function Legend() {
  return (
    <ul class="chart-legend" aria-label="Lines and colours">
      <li class="kind-event">event</li>
      <li class="kind-delay">delay</li>
      <li class="kind-done">done</li>
      <li class="kind-error">error</li>
      <li class="kind-always">always</li>
      <li class="kind-guard">[guard]</li>
    </ul>
  );
}

/** Only with Ctrl (or a pinch), so that the page still scrolls. */
function zoomByWheel(event: WheelEvent, drawing: Drawing | null): void {
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  const { left, top, width, height } = (event.currentTarget as HTMLElement).getBoundingClientRect();
  drawing?.zoom(
    event.deltaY < 0 ? zoomStep : 1 / zoomStep,
    (event.clientX - left) / width,
    (event.clientY - top) / height,
  );
}
