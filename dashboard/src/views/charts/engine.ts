/** ELK on a thread of its own, loaded with the first chart: a drawing never holds up the page. */
import ElkApi, { type ELK } from 'elkjs/lib/elk-api.js';
import workerUrl from 'elkjs/lib/elk-worker.min.js?url';
import type { Chart } from '../../../../src/inspect/chart.ts';
import { placeChart } from '../../../../src/inspect/place.ts';
import { renderSvg } from '../../../../src/inspect/svg.ts';

let engine: ELK | null = null;
/** Definitions do not change while a server runs; of another server they come anew. */
const drawn = new WeakMap<Chart, Promise<string>>();

async function draw(chart: Chart): Promise<string> {
  engine ??= new ElkApi({ workerFactory: () => new Worker(workerUrl) });
  return renderSvg(await placeChart(chart, engine), { standalone: false });
}

/** @returns the chart as SVG. */
export function drawChart(chart: Chart): Promise<string> {
  const drawing = drawn.get(chart) ?? draw(chart);
  drawn.set(chart, drawing);
  return drawing;
}
