import { afterEach, describe, expect, it } from 'vitest';
import { chartOf, everyState } from '../../src/inspect/chart.ts';
import { chartedMachines } from '../../src/inspect/charts.ts';
import { createInspectFeed, type InspectTransition } from '../../src/inspect/feed.ts';
import { TestChorus } from '../../src/testing/test-chorus.ts';

let close: (() => Promise<void>) | undefined;
afterEach(() => close?.());

describe('the whole system under inspection', () => {
  it('shows a round from its selection to its commit, on charts that have every state and edge it took', async () => {
    const feed = createInspectFeed({ recentMax: 1_000 });
    const heard: InspectTransition[] = [];
    feed.subscribe((transition) => heard.push(transition));
    const test = await TestChorus.create({ inspect: feed.inspect, plan: { rounds: 1, minClients: 2 } });
    close = () => test.chorus.close();
    const clients = await test.joinMany(2);
    const tickets = [];
    for (const client of clients) {
      await client.contribute([1, 2]);
      tickets.push(client.ticket?.trainingToken);
    }
    await test.settle();

    const phases = heard.filter(({ actor }) => actor === 'round').map(({ value }) => JSON.stringify(value));
    expect([...new Set(phases)]).toEqual([
      '{"selecting":"waiting"}',
      '{"selecting":"forming"}',
      '"training"',
      '"aggregating"',
      '"committing"',
      '"committed"',
    ]);
    expect(feed.current().find(({ actor }) => actor === 'coordinator')?.value).toBe('finished');

    const charts = chartedMachines.map(chartOf);
    const states = new Set(charts.flatMap((chart) => everyState(chart).map(({ id }) => id)));
    const edges = new Set(charts.flatMap((chart) => chart.edges.map(({ id }) => id)));
    for (const transition of heard) {
      for (const id of transition.active) expect(states).toContain(id);
      for (const id of transition.edges) expect(edges).toContain(id);
    }
    for (const token of tickets) expect(JSON.stringify([heard, feed.current(), feed.recent()])).not.toContain(token);
  });

  it('says what the guards of a waiting round say', async () => {
    const feed = createInspectFeed();
    const test = await TestChorus.create({ inspect: feed.inspect, plan: { minClients: 2 } });
    close = () => test.chorus.close();
    const [first] = await test.joinMany(2);
    await first?.contribute([1]);
    const round = feed.current().find(({ actor }) => actor === 'round');
    expect(round).toMatchObject({
      value: 'training',
      guards: { mayClose: false, hasQuorum: false },
      context: { quorum: 2, target: 2, tally: { contributions: 1 } },
    });
  });
});
