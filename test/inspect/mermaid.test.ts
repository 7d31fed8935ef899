import { expect, it } from 'vitest';
import { chartOf } from '../../src/inspect/chart.ts';
import { renderMermaid } from '../../src/inspect/mermaid.ts';
import { everyMachine, ovenMachine } from './machines.ts';

it('writes nested states, their texts and every transition', () => {
  const text = renderMermaid(chartOf(ovenMachine));
  expect(text.startsWith('stateDiagram-v2\n  [*] --> oven_cold\n')).toBe(true);
  expect(text).toContain('  state "busy" as oven_busy {\n    state "inside" as oven_busy_inside {\n');
  expect(text).toContain('oven_cold --> oven_busy : heat [hot]\n');
  expect(text).toContain('oven_cold : heat [else] / warm\n');
  expect(text).toContain('oven_any --> oven_off : stop\n');
  expect(text).toContain('oven_off --> [*]\n');
});

it('has a line for each edge, and no text that would end early', () => {
  for (const machine of everyMachine) {
    const chart = chartOf(machine);
    const lines = renderMermaid(chart).trimEnd().split('\n');
    const arrows = lines.filter((line) => / --> .* : /.test(line));
    expect(arrows).toHaveLength(chart.edges.filter(({ to }) => to !== null).length);
    for (const line of lines) expect(line.replaceAll(/#\d+;/g, '').split(/[:;]/).length).toBeLessThanOrEqual(2);
  }
});
