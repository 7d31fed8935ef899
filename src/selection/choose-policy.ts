import type { SelectionSettings } from '../domain/selection-settings.ts';
import { all } from './all.ts';
import { oort } from './oort.ts';
import type { ExplainedPolicy } from './policy.ts';
import { roundRobin } from './round-robin.ts';
import { stratifiedBy } from './stratified.ts';
import { uniform } from './uniform.ts';
import { weighted } from './weighted.ts';

/** The policy that settings name. Whom `selectionFilter` leaves out is no candidate; no policy need know of it. */
export function choosePolicy(settings: SelectionSettings): ExplainedPolicy {
  switch (settings.selection) {
    case 'uniform':
      return uniform;
    case 'all':
      return all;
    case 'weighted':
      return weighted;
    case 'round-robin':
      return roundRobin;
    case 'stratified':
      // Without an attribute, which the plan refuses, all clients are one stratum.
      return settings.selectionAttribute === null ? uniform : stratifiedBy(settings.selectionAttribute);
    case 'oort':
      return oort(settings);
  }
}
