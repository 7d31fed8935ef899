import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { UploadGate } from '../domain/aggregation.ts';
import type { CoordinatorHandle } from '../domain/handle.ts';
import type { SpanCounts } from '../domain/tracing.ts';
import type { AttemptNumbers } from './attempt-numbers.ts';
import { addProgressMetrics } from './progress-metrics.ts';

/** A registry with the process's own numbers, which are counted from now on. */
function processMetrics(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** The numbers of the protocol, read when they are asked for. */
export function coordinatorMetrics(
  handle: CoordinatorHandle,
  attempts: AttemptNumbers,
  spans: () => SpanCounts,
): Registry {
  const registry = processMetrics();
  const registers = [registry];
  const { gauge, counter } = readings(registry);
  gauge('population', 'Registered clients', () => handle.metrics().population);
  gauge('round', 'Open or last round', () => handle.metrics().round);
  gauge('model_version', 'Current model version; 0 before the first', () => handle.metrics().modelVersion ?? 0);
  gauge('long_polls_held', 'Heartbeats held until there is news', () => handle.metrics().longPollsHeld);
  counter('heartbeats', 'Heartbeats received', () => handle.metrics().heartbeatsTotal);
  counter('registrations', 'Registrations, repeated ones included', () => handle.metrics().registrationsTotal);
  counter('clients_expired', 'Clients lost for want of heartbeats', () => handle.metrics().expiredTotal);
  counter('rounds_committed', 'Rounds committed', () => handle.metrics().roundsCommittedTotal);
  counter('rounds_abandoned', 'Attempts at rounds abandoned', () => handle.metrics().roundsAbandonedTotal);
  counter(
    'aggregator_restarts',
    'Times the aggregator was lost and started again',
    () => handle.metrics().aggregatorRestartsTotal,
  );
  gauge(
    'journal_backlog',
    'Facts that could not be written yet and wait for the disk',
    () => handle.metrics().journal.backlog,
  );
  counter('journal_facts', 'Facts written, or waiting to be', () => handle.metrics().journal.factsTotal);
  counter('journal_syncs', 'Times something waited for the disk to sync', () => handle.metrics().journal.syncsTotal);
  counter('journal_sync_seconds', 'How long these waited in all', () => handle.metrics().journal.syncMsTotal / 1_000);
  new Gauge({
    name: 'chorus_clients',
    help: 'Clients by state',
    labelNames: ['state'],
    registers,
    collect() {
      for (const [state, count] of Object.entries(handle.metrics().counts)) this.set({ state }, count);
    },
  });
  new Gauge({
    name: 'chorus_phase',
    help: '1 for the phase the run is in',
    labelNames: ['phase'],
    registers,
    collect() {
      this.reset();
      this.set({ phase: handle.metrics().phase }, 1);
    },
  });
  new Counter({
    name: 'chorus_evaluations_total',
    help: 'Evaluations of a model, by clients or by the server, by how they ended',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset();
      for (const [outcome, count] of Object.entries(handle.metrics().evaluationsTotal)) this.inc({ outcome }, count);
    },
  });
  new Counter({
    name: 'chorus_exclusions_total',
    help: 'Clients that were selected and did not contribute, by reason, counted when their attempt is over',
    labelNames: ['reason'],
    registers,
    collect() {
      this.reset();
      for (const [reason, count] of attempts.exclusions) this.inc({ reason }, count);
    },
  });
  new Counter({
    name: 'chorus_trace_spans_total',
    help: 'Spans of traces by what became of them: sent to the collector, failed, or dropped because too many waited',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset();
      for (const [outcome, count] of Object.entries(spans())) this.inc({ outcome }, count);
    },
  });
  new Counter({
    name: 'chorus_updates_total',
    help: 'Updates by verdict',
    labelNames: ['verdict'],
    registers,
    collect() {
      this.reset();
      for (const [verdict, count] of Object.entries(handle.metrics().updatesTotal)) this.inc({ verdict }, count);
    },
  });
  addProgressMetrics(registry, handle);
  return registry;
}

/** The numbers of the data path. */
export function aggregatorMetrics(gate: UploadGate): Registry {
  const registry = processMetrics();
  const { gauge, counter } = readings(registry);
  gauge('uploads_in_flight', 'Uploads under way', () => gate.stats().uploadsInFlight);
  gauge('uploads_waiting', 'Uploads that wait for staging memory', () => gate.stats().uploadsWaiting);
  gauge('staged_bytes', 'Memory reserved for updates received but not summed yet', () => gate.stats().stagedBytes);
  gauge('staging_bytes_max', 'Bound on that memory', () => gate.stats().stagingBytesMax);
  counter('update_bytes_received', 'Bytes of updates received', () => gate.stats().bytesReceivedTotal);
  counter('model_bytes_served', 'Bytes of models served to clients in training', () => gate.stats().bytesServedTotal);
  counter('folds', 'Tasks of summing updates and of finishing models', () => gate.stats().foldTasksTotal);
  counter(
    'fold_seconds',
    'Time these tasks took in all, waiting for a thread included',
    () => gate.stats().foldMsTotal / 1_000,
  );
  return registry;
}

/** Numbers that are kept elsewhere and only read here, when they are asked for. */
function readings(registry: Registry) {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `chorus_${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  // Counted already where they happen; a process starts both from 0.
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name: `chorus_${name}_total`,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  return { gauge, counter };
}
