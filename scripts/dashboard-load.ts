/**
 * How heavy the dashboard is. `walk`: all views in turn under 200 events a second, while a run goes on: time between
 * frames, long tasks, and memory. `page`: the same of one view alone. `many`: what open dashboards cost the heartbeats of
 * a run that goes on meanwhile, in slices with and without them by turns.
 * Usage: npx tsx scripts/dashboard-load.ts walk [seconds] | page [seconds] [view] | many [dashboards]
 */
import { measureHeartbeats } from './dashboard-load/many.ts';
import { measurePage } from './dashboard-load/page.ts';
import { measureWalk } from './dashboard-load/walk.ts';

const [, , what = '', amount, view = 'run'] = process.argv;
if (what === 'walk') await measureWalk(Number(amount ?? 300));
else if (what === 'page') await measurePage(Number(amount ?? 300), view);
else if (what === 'many') await measureHeartbeats(Number(amount ?? 500));
else throw new Error('Say what to measure: walk, page or many');
