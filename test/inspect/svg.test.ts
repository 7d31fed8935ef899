import { describe, expect, it } from 'vitest';
import { chartOf, everyState } from '../../src/inspect/chart.ts';
import { layoutChart } from '../../src/inspect/layout.ts';
import { renderSvg } from '../../src/inspect/svg.ts';
import { everyMachine, ovenMachine } from './machines.ts';

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
const count = (text: string, part: string) => text.split(part).length - 1;
const draw = async (machine = ovenMachine as (typeof everyMachine)[number], options = {}) =>
  renderSvg(await layoutChart(chartOf(machine)), options);

describe.each(everyMachine)('the drawing of $id', (machine) => {
  it('holds every state and every edge exactly once', async () => {
    const svg = await draw(machine);
    const chart = chartOf(machine);
    for (const { id } of everyState(chart)) expect(count(svg, `data-state="${escaped(id)}"`), id).toBe(1);
    for (const { id } of chart.edges) expect(count(svg, `data-edge="${escaped(id)}"`), id).toBe(1);
    expect(count(svg, 'data-edge=')).toBe(chart.edges.length);
    expect(count(svg, 'data-state=')).toBe(everyState(chart).length);
  });

  it('is well-formed: every tag is closed in order, every ampersand is an entity', async () => {
    const svg = await draw(machine);
    const open: string[] = [];
    for (const [, closing, name = '', selfClosing] of svg.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
      if (closing) expect(open.pop()).toBe(name);
      else if (!selfClosing) open.push(name);
    }
    expect(open).toEqual([]);
    expect(svg.replaceAll(/&(amp|lt|gt|quot|#39);/g, '')).not.toContain('&');
  });
});

describe('a drawing', () => {
  it('escapes what machines are named by, and writes it once', async () => {
    const svg = await draw();
    expect(count(svg, '>&lt;&amp;&gt;</text>')).toBe(1);
    expect(count(svg, '>open &quot;door&quot;</text>')).toBe(1);
    expect(svg).not.toContain('<&>');
    expect(svg).toContain('>Not &lt; hot.</text>');
  });

  it('lights the active states and no other', async () => {
    const svg = await draw(ovenMachine, { active: ['oven', 'oven.cold'] });
    expect(svg).toMatch(/class="state atomic active" data-state="oven.cold"/);
    expect(svg).toMatch(/class="state final" data-state="oven.off"/);
    expect(count(svg, ' active"')).toBe(2);
    expect(await draw()).not.toContain(' active"');
  });

  it('says what it is to those who cannot see it', async () => {
    const svg = await draw();
    expect(svg).toMatch(/<svg [^>]*role="img" aria-labelledby="chart-oven-title chart-oven-desc"/);
    expect(svg).toContain('<title id="chart-oven-title">Statechart of the oven</title>');
    expect(svg).toMatch(/<desc id="chart-oven-desc">States: cold: Not &lt; hot\. /);
  });

  it('brings its stylesheet, for light and dark, unless the page has it', async () => {
    expect(await draw()).toContain('prefers-color-scheme:dark');
    const bare = await draw(ovenMachine, { standalone: false });
    expect(bare).not.toContain('<style');
    expect(bare).not.toContain('style=');
  });
});
