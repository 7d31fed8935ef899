import type { FastifyInstance } from 'fastify';
import { Histogram } from './histogram.ts';

export interface AnsweredRequest {
  method: string;
  /** The route's pattern: of those there are few. */
  route: string;
  status: number;
  ms: number;
}

/** The time that requests took, by method, route and status; from a heartbeat to a long upload. A held call is not timed. */
export class Durations {
  readonly histogram = new Histogram({
    name: 'chorus_http_request_duration_seconds',
    help: 'Time to answer, by route and status; held heartbeats and event streams are left out',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60],
  });

  add({ method, route, status, ms }: AnsweredRequest): void {
    this.histogram.add([method, route, status], ms / 1_000);
  }
}

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
