/** Lays charts out in this process: ELK is large, and only inspection needs it, so it is loaded with the first chart. */
import type { ELK } from 'elkjs';
import type { Chart } from './chart.ts';
import { type ChartLayout, placeChart } from './place.ts';

let loaded: Promise<ELK> | undefined;
function elk(): Promise<ELK> {
  loaded ??= import('elkjs').then(({ default: elkjs }) => new elkjs.default());
  return loaded;
}

/** @returns where everything goes. Takes some 50 to 500 ms of this thread for the first chart, less for the next. */
export const layoutChart = async (chart: Chart): Promise<ChartLayout> => placeChart(chart, await elk());
