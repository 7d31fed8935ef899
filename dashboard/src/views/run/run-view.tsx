import { Happened } from './happened.tsx';
import { Models } from './models.tsx';
import { Now } from './now.tsx';
import { RunCharts } from './run-charts.tsx';
import { Tiles } from './tiles.tsx';

/** What the run is doing, what it waits for, and how it went so far. */
export function RunView() {
  return (
    <div class="run-view">
      <Now />
      <Tiles />
      <RunCharts />
      <div class="columns">
        <Happened />
        <Models />
      </div>
    </div>
  );
}
