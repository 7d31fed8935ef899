import type { FastifyInstance } from 'fastify';

/** Durations from a heartbeat to a long upload, seconds; a held call is not timed. */
const bucketsSeconds = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60];

export interface AnsweredRequest {
  method: string;
  /** The route's pattern: of those there are few. */
  route: string;
  status: number;
  ms: number;
}

interface Series {
  readonly labels: string;
  /** How many were as quick as each bucket says and not as the one before it; the last is for the slowest. */
  readonly counts: Float64Array;
  sumSeconds: number;
}

/** A Prometheus histogram of the time that requests took, by method, route and status. */
export class Durations {
  readonly #series = new Map<string, Series>();

  add({ method, route, status, ms }: AnsweredRequest): void {
    const key = `${method} ${status} ${route}`;
    let series = this.#series.get(key);
    if (!series) {
      const labels = `method="${method}",route="${escaped(route)}",status="${status}"`;
      series = { labels, counts: new Float64Array(bucketsSeconds.length + 1), sumSeconds: 0 };
      this.#series.set(key, series);
    }
    const seconds = ms / 1_000;
    let bucket = 0;
    while (seconds > (bucketsSeconds[bucket] ?? Number.POSITIVE_INFINITY)) bucket += 1;
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sumSeconds += seconds;
  }

  /** @returns in the format that Prometheus reads */
  text(): string {
    const name = 'chorus_http_request_duration_seconds';
    const lines = [
      `# HELP ${name} Time to answer, by route and status; held heartbeats and event streams are left out`,
      `# TYPE ${name} histogram`,
    ];
    for (const { labels, counts, sumSeconds } of this.#series.values()) {
      let total = 0;
      for (const [bucket, count] of counts.entries()) {
        total += count;
        lines.push(`${name}_bucket{le="${bucketsSeconds[bucket] ?? '+Inf'}",${labels}} ${total}`);
      }
      lines.push(`${name}_sum{${labels}} ${sumSeconds}`, `${name}_count{${labels}} ${total}`);
    }
    return `${lines.join('\n')}\n`;
  }
}

const escaped = (label: string): string => label.replace(/["\\\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));

/** Times every request of the app. */
export function timeAnswers(app: FastifyInstance): Durations {
  const durations = new Durations();
  app.addHook('onResponse', (request, reply, done) => {
    if (request.headers.prefer === undefined) {
      const { method, routeOptions } = request;
      durations.add({ method, route: routeOptions.url ?? 'none', status: reply.statusCode, ms: reply.elapsedTime });
    }
    done();
  });
  return durations;
}
