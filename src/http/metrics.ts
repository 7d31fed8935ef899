import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { UploadGate } from '../domain/aggregation.ts';
import type { CoordinatorHandle } from '../domain/handle.ts';

/** A registry with the process's own numbers, which are counted from now on. */
function processMetrics(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** The numbers of the protocol, read when they are asked for. */
export function coordinatorMetrics(handle: CoordinatorHandle): Registry {
  const registry = processMetrics();
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
  // Counted by the coordinator already: here they are only read, and a process starts both from 0.
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
    name: 'chorus_updates_total',
    help: 'Updates by verdict',
    labelNames: ['verdict'],
    registers,
    collect() {
      this.reset();
      for (const [verdict, count] of Object.entries(handle.metrics().updatesTotal)) this.inc({ verdict }, count);
    },
  });
  return registry;
}

/** The numbers of the data path. */
export function aggregatorMetrics(gate: UploadGate): Registry {
  const registry = processMetrics();
  const registers = [registry];
  new Gauge({
    name: 'chorus_uploads_in_flight',
    help: 'Uploads under way',
    registers,
    collect() {
      this.set(gate.stats().uploadsInFlight);
    },
  });
  new Gauge({
    name: 'chorus_staged_bytes',
    help: 'Memory reserved for updates received but not summed yet',
    registers,
    collect() {
      this.set(gate.stats().stagedBytes);
    },
  });
  new Counter({
    name: 'chorus_update_bytes_received_total',
    help: 'Bytes of updates received',
    registers,
    collect() {
      this.reset();
      this.inc(gate.stats().bytesReceivedTotal);
    },
  });
  new Counter({
    name: 'chorus_model_bytes_served_total',
    help: 'Bytes of models served to clients in training',
    registers,
    collect() {
      this.reset();
      this.inc(gate.stats().bytesServedTotal);
    },
  });
  return registry;
}
