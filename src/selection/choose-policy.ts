import { all } from './all.ts';
import type { ClientFilter } from './filter.ts';
import { filtered } from './filtered.ts';
import { oort } from './oort.ts';
import type { ExplainedPolicy } from './policy.ts';
import { roundRobin } from './round-robin.ts';
import type { SelectionSettings } from './settings.ts';
import { stratifiedBy } from './stratified.ts';
import { uniform } from './uniform.ts';
import { weighted } from './weighted.ts';

/** The policy that settings name. @param filter what `selectionFilter` says, read already; null for none. */
export function choosePolicy(settings: SelectionSettings, filter: ClientFilter | null): ExplainedPolicy {
  const policy = policyNamed(settings);
  return filter === null ? policy : filtered(filter, policy);
}

function policyNamed(settings: SelectionSettings): ExplainedPolicy {
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
