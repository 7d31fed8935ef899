import type { Clock } from '../domain/clock.ts';
import type { CoordinatorHandle, TrainingTicket } from '../domain/handle.ts';
import type { SpanCounts } from '../domain/tracing.ts';
import { traceparentOf } from './ids.ts';
import { Outbox } from './outbox.ts';
import { traceRounds } from './tracer.ts';

/** How long the last spans may take to be sent when the server ends, ms. */
const closingMsMax = 2_000;

export interface TracingOptions {
  /** Base URL of an OTLP/HTTP collector, e.g. `http://127.0.0.1:4318`; `/v1/traces` is added. */
  endpoint: string;
  /** Ours. */
  version: string;
  clock: Clock;
  /** Told when the collector takes nothing, and when it does again. */
  onNote: (sentence: string) => void;
}

export interface Tracing {
  /** The handle, with a `traceparent` in each ticket. */
  readonly handle: CoordinatorHandle;
  counts(): SpanCounts;
  /** Sends what there is still to send, for a short while. */
  close(): Promise<void>;
}

/**
 * Sends a trace of each round to a collector. Whatever becomes of it there, no round waits for it.
 * @throws {TypeError} the endpoint is no URL.
 */
export async function startTracing(handle: CoordinatorHandle, options: TracingOptions): Promise<Tracing> {
  const { openOtlp } = await import('./otlp.ts');
  const url = new URL(`${options.endpoint.replace(/\/+$/, '')}/v1/traces`).href;
  const outbox = new Outbox(openOtlp(url, options.version), options.onNote);
  const tracer = traceRounds(handle, outbox, options.clock);
  return {
    handle: {
      ...handle,
      startTraining: async (clientId) => withTraceparent(handle, clientId, await handle.startTraining(clientId)),
    },
    counts: () => outbox.counts,
    close: async () => {
      tracer.stop();
      await outbox.close(closingMsMax);
    },
  };
}

/** A ticket is of the newest attempt at its round. */
function withTraceparent(handle: CoordinatorHandle, clientId: string, ticket: TrainingTicket): TrainingTicket {
  const { run, round, task } = ticket;
  const kind = task === 'evaluate' ? 'evaluation' : 'training';
  const record = handle.rounds(1_000).find((one) => one.run === run && one.round === round && one.kind === kind);
  return record ? { ...ticket, traceparent: traceparentOf(record, clientId.toLowerCase()) } : ticket;
}
