import { edgeText } from './boxes.ts';
import { type Chart, type ChartEdge, type ChartState, leadsInside } from './chart.ts';

/**
 * The chart as Mermaid text (`stateDiagram-v2`), for places that take no picture, and for reading in a diff.
 * @returns lines without a code fence.
 */
export function renderMermaid(chart: Chart): string {
  const anchored = chart.edges.filter(leadsInside).map(({ from }) => from);
  const lines = ['stateDiagram-v2', ...insideOf(chart, chart, anchored, 1)];
  for (const edge of chart.edges) {
    if (edge.to === null) continue;
    const from = leadsInside(edge) ? anchorName(edge.from) : nameOf(edge.from);
    lines.push(`  ${from} --> ${nameOf(edge.to)} : ${plain(edgeText(edge))}`);
  }
  return `${lines.join('\n')}\n`;
}

function insideOf(state: ChartState, chart: Chart, anchored: readonly string[], depth: number): string[] {
  const indent = '  '.repeat(depth);
  const lines: string[] = [];
  if (state.initial) lines.push(`${indent}[*] --> ${nameOf(state.initial)}`);
  if (anchored.includes(state.id)) lines.push(`${indent}state "in any state" as ${anchorName(state.id)}`);
  for (const child of state.states) {
    const name = nameOf(child.id);
    if (child.states.length === 0) {
      lines.push(`${indent}state "${child.key}" as ${name}`);
      for (const text of textOf(child, chart.edges)) lines.push(`${indent}${name} : ${plain(text)}`);
      if (child.type === 'final') lines.push(`${indent}${name} --> [*]`);
    } else {
      const inside = insideOf(child, chart, anchored, depth + 1);
      lines.push(`${indent}state "${child.key}" as ${name} {`, ...inside, `${indent}}`);
    }
  }
  return lines;
}

function textOf(state: ChartState, edges: readonly ChartEdge[]): string[] {
  const handled = edges.filter(({ from, to }) => from === state.id && to === null).map(edgeText);
  return state.description ? [state.description, ...handled] : handled;
}

const nameOf = (id: string): string => id.replace(/\W/g, '_');
const anchorName = (id: string): string => `${nameOf(id)}_any`;

/** Mermaid ends a text at a colon or semicolon. */
const plain = (text: string): string =>
  text.replace(/[:;] /g, ' – ').replace(/[:;]/g, (mark) => `#${mark.charCodeAt(0)};`);
