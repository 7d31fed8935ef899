import type { DocumentedMetric } from '../../scripts/metrics-doc.ts';

/** Labels that Prometheus adds, or that a histogram's buckets have. */
const addedLabels: readonly string[] = ['job', 'instance'];
const words: readonly string[] = [
  ...['and', 'or', 'unless', 'by', 'without', 'on', 'ignoring', 'group_left', 'group_right', 'offset', 'bool'],
  ...['sum', 'min', 'max', 'avg', 'count', 'rate', 'increase', 'time', 'histogram_quantile', 'topk', 'abs', 'le'],
];

/** What a query names that there is not, a sentence each. Enough of PromQL for the queries we have, and no more. */
export function unknownIn(query: string, metrics: readonly DocumentedMetric[]): string[] {
  const problems: string[] = [];
  const series = new Map(
    metrics.flatMap((metric) => seriesOf(metric).map(([name, labels]) => [name, labels] as const)),
  );
  // Prometheus's own: whether a target answered.
  series.set('up', addedLabels);
  const grouped = new Set<string>();
  const withoutGroups = query.replace(/\b(by|without|on|ignoring)\s*\(([^)]*)\)/g, (_, _word, list: string) => {
    for (const label of list.split(',')) grouped.add(label.trim());
    return ' ';
  });
  const named: string[] = [];
  const rest = withoutGroups.replace(/([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})?/g, (whole, name: string, matchers?: string) => {
    if (words.includes(name) && matchers === undefined) return whole;
    // The unit of a range, as in [5m].
    if (/^[smhdwy]$/.test(name)) return whole;
    const labels = series.get(name);
    if (!labels) problems.push(`There is no metric ${name}`);
    named.push(name);
    for (const [, label = ''] of (matchers ?? '').matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)) {
      if (labels && !labels.includes(label)) problems.push(`${name} has no label ${label}`);
    }
    return whole;
  });
  if (named.length === 0) problems.push(`No metric is named in ${rest}`);
  for (const label of grouped) {
    for (const name of named) {
      if (series.has(name) && !series.get(name)?.includes(label)) problems.push(`${name} has no label ${label}`);
    }
  }
  return problems;
}

function seriesOf({ name, type, labels }: DocumentedMetric): [name: string, labels: readonly string[]][] {
  const all = [...labels, ...addedLabels];
  if (type !== 'histogram' && type !== 'summary') return [[name, all]];
  return [
    [`${name}_sum`, all],
    [`${name}_count`, all],
    ...(type === 'histogram' ? [[`${name}_bucket`, [...all, 'le']] as [string, string[]]] : []),
  ];
}
