import { describe, expect, it } from 'vitest';
import { chartOf, everyState } from '../../src/inspect/chart.ts';
import { layoutChart } from '../../src/inspect/layout.ts';
import { everyMachine } from './machines.ts';

describe.each(everyMachine)('the layout of $id', (machine) => {
  const chart = chartOf(machine);

  it('is the same each time, in whichever order charts are laid out', async () => {
    const first = await layoutChart(chart);
    await Promise.all(everyMachine.map((other) => layoutChart(chartOf(other))));
    expect(await layoutChart(chartOf(machine))).toEqual(first);
  });

  it('places every state inside its parent and inside the drawing', async () => {
    const { states, width, height } = await layoutChart(chart);
    const boxes = new Map(states.map((placed) => [placed.state.id, placed]));
    expect([...boxes.keys()]).toEqual(everyState(chart).map(({ id }) => id));
    const [machineBox] = states;
    expect(machineBox?.width).toBeLessThanOrEqual(width);
    expect(machineBox?.height).toBeLessThanOrEqual(height);
    for (const parent of states) {
      for (const { id } of parent.state.states) {
        const child = boxes.get(id);
        if (!child) throw new Error(`${id} is not placed`);
        expect(child.x).toBeGreaterThanOrEqual(parent.x);
        expect(child.y).toBeGreaterThanOrEqual(parent.y + parent.text.height);
        expect(child.x + child.width).toBeLessThanOrEqual(parent.x + parent.width);
        expect(child.y + child.height).toBeLessThanOrEqual(parent.y + parent.height);
      }
    }
  });

  it('lets no two siblings overlap', async () => {
    const { states } = await layoutChart(chart);
    for (const parent of states) {
      const siblings = states.filter(({ state }) => parent.state.states.includes(state));
      for (const [index, a] of siblings.entries()) {
        for (const b of siblings.slice(index + 1)) {
          const apart = a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
          expect(apart, `${a.state.id} and ${b.state.id}`).toBe(true);
        }
      }
    }
  });

  it('draws every edge that leads somewhere, with a label that fits its text', async () => {
    const { edges } = await layoutChart(chart);
    const drawn = edges.flatMap(({ labels }) => labels.map(({ edge }) => edge.id)).sort();
    const leading = chart.edges.filter(({ to }) => to !== null).map(({ id }) => id);
    expect(drawn).toEqual(leading.sort());
    for (const { points, labels } of edges) {
      expect(points.length).toBeGreaterThanOrEqual(2);
      for (const { width, height, text } of labels) {
        expect(width).toBeGreaterThanOrEqual(text.width);
        expect(height).toBe(text.height);
      }
    }
  });
});
