import { MessageChannel, Worker } from 'node:worker_threads';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import type { AggregatorCallbacks, AggregatorService } from '../domain/aggregation.ts';
import { compiledWorker } from '../workers/compiled.ts';
import type { ServiceLink } from './service-calls.ts';

/** Flags of the process that a thread can have as well: those of `node -e` speak of its text, and a thread has a file. */
const threadFlags = (flags: readonly string[]): string[] =>
  flags.some((flag) => /^(-e|-p|--eval|--print|--input-type)\b/.test(flag)) ? [] : [...flags];

/**
 * The service on a thread of its own, spoken to by Comlink in both directions. A call to a dead thread never settles by
 * itself: whoever calls must also watch `gone`.
 * @param settings what the thread is started with, apart from the port back to the coordinator.
 */
export function threadLink(settings: Record<string, unknown>) {
  return async (callbacks: AggregatorCallbacks): Promise<ServiceLink> => {
    const { port1, port2 } = new MessageChannel();
    Comlink.expose(
      {
        endTraining: (report: Parameters<AggregatorCallbacks['endTraining']>[0]) => callbacks.endTraining(report),
        uploadRefused: (report: Parameters<AggregatorCallbacks['uploadRefused']>[0]) => callbacks.uploadRefused(report),
      },
      nodeEndpoint(port1),
    );
    const worker = new Worker(compiledWorker('aggregator.worker'), {
      name: 'aggregator',
      execArgv: threadFlags(process.execArgv),
      workerData: { ...settings, callbackPort: port2 },
      transferList: [port2],
    });
    let cause: Error | null = null;
    worker.on('error', (error: Error) => {
      cause = error;
    });
    const gone = new Promise<string>((resolve) => {
      worker.once('exit', (code) => {
        port1.close();
        resolve(cause ? `its thread failed: ${cause.message}` : `its thread ended with code ${code}`);
      });
    });
    return {
      service: Comlink.wrap<AggregatorService>(nodeEndpoint(worker)) as unknown as AggregatorService,
      gone,
      kill: () => void worker.terminate(),
    };
  };
}

/** The service in this thread: no isolation, but the same answers; for simulation and tests. */
export function inlineLink(create: (callbacks: AggregatorCallbacks) => AggregatorService | Promise<AggregatorService>) {
  return async (callbacks: AggregatorCallbacks): Promise<ServiceLink> => {
    let end: (reason: string) => void = () => undefined;
    const gone = new Promise<string>((resolve) => {
      end = resolve;
    });
    return { service: await create(callbacks), gone, kill: () => end('it was ended') };
  };
}
