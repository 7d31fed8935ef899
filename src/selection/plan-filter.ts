import type { SelectionSettings } from '../domain/selection-settings.ts';
import type { SettingProblem } from '../domain/settings.ts';
import { compileFilter } from './cel-filter.ts';
import type { ClientFilter } from './filter.ts';

/** The filter of a plan, null when it has none; or a sentence that names the setting, the place and the fix. */
export function filterOf({
  selectionFilter,
}: Pick<SelectionSettings, 'selectionFilter'>): ClientFilter | null | { problem: string } {
  if (selectionFilter === null) return null;
  const filter = compileFilter(selectionFilter);
  return 'problem' in filter
    ? { problem: `selectionFilter (--selection-filter) cannot be read. ${filter.problem}` }
    : filter;
}

/** What is wrong with the filter of a plan, if anything is. */
export function filterConflicts(settings: Pick<SelectionSettings, 'selectionFilter'>): SettingProblem[] {
  const filter = filterOf(settings);
  return filter !== null && 'problem' in filter ? [{ setting: 'selectionFilter', message: filter.problem }] : [];
}
