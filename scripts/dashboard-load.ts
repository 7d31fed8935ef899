/**
 * How heavy the dashboard is. `page`: one view under 200 events a second: time between frames, and memory. `many`: what
 * open dashboards cost the heartbeats of a run that goes on meanwhile, in slices with and without them by turns.
 * Usage: npx tsx scripts/dashboard-load.ts page [seconds] [view] | many [dashboards]
 */
import { measureHeartbeats } from './dashboard-load/many.ts';
import { measurePage } from './dashboard-load/page.ts';

const [, , what = '', amount, view = 'run'] = process.argv;
if (what === 'page') await measurePage(Number(amount ?? 300), view);
else if (what === 'many') await measureHeartbeats(Number(amount ?? 500));
else throw new Error('Say what to measure: page or many');
