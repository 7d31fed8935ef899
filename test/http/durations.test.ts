import { describe, expect, it } from 'vitest';
import { Durations } from '../../src/http/durations.ts';

const name = 'chorus_http_request_duration_seconds';

describe('the durations of requests', () => {
  it('are counted by method, route and status, each in every bucket that it fits into', () => {
    const durations = new Durations();
    for (const ms of [1, 3, 70_000]) durations.add({ method: 'GET', route: '/a/:b', status: 200, ms });
    durations.add({ method: 'GET', route: '/a/:b', status: 404, ms: 2 });
    const labels = 'method="GET",route="/a/:b",status="200"';
    const lines = durations.histogram.text().split('\n');
    expect(lines.slice(0, 2)).toEqual([expect.stringMatching(`^# HELP ${name} `), `# TYPE ${name} histogram`]);
    const counts = [0.001, 0.005, 0.025, 60, '+Inf'].map((le) =>
      lines.find((line) => line.startsWith(`${name}_bucket{le="${le}",${labels}} `)),
    );
    expect(counts.map((line) => line?.split(' ').at(-1))).toEqual(['1', '2', '2', '2', '3']);
    expect(lines).toContain(`${name}_sum{${labels}} 70.004`);
    expect(lines).toContain(`${name}_count{${labels}} 3`);
    expect(lines).toContain(`${name}_count{method="GET",route="/a/:b",status="404"} 1`);
  });

  it('say what a route is called without leaving the format', () => {
    const durations = new Durations();
    durations.add({ method: 'GET', route: 'a"b\\c\nd', status: 200, ms: 1 });
    expect(durations.histogram.text()).toContain('route="a\\"b\\\\c\\nd"');
  });
});
