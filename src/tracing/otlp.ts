import { ROOT_CONTEXT, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { AlwaysOnSampler, BasicTracerProvider, type ReadableSpan } from '@opentelemetry/sdk-trace-base';
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions';
import type { Delivery } from './outbox.ts';
import type { TraceSpan } from './trace-span.ts';

/** For a batch to be taken, the exporter's own repetitions included, ms. */
const deliveryMsMax = 5_000;
const scope = 'chorus-fl';

/**
 * Delivers spans to a collector by OTLP over HTTP, as JSON. This is the only file that knows OpenTelemetry's SDK: it is
 * loaded when there is somewhere to send to, and not before. Headers for the collector come from
 * `OTEL_EXPORTER_OTLP_HEADERS`, attributes of the service from `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`.
 * @param url of the collector's traces, as `http://127.0.0.1:4318/v1/traces`.
 */
export function openOtlp(url: string, version: string): Delivery {
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: deliveryMsMax });
  const toSdk = spanMaker(version);
  return {
    send: (spans) =>
      new Promise((resolve, reject) => {
        exporter.export(spans.map(toSdk), ({ code, error }) => {
          if (code === 0) resolve();
          else reject(error ?? new Error('no reason was given'));
        });
      }),
    close: () => exporter.shutdown(),
  };
}

/** @returns what makes a span of the SDK of one of ours. The SDK is given ids and times instead of making its own. */
function spanMaker(version: string): (span: TraceSpan) => ReadableSpan {
  let next: Pick<TraceSpan, 'traceId' | 'spanId'> = { traceId: '', spanId: '' };
  let made: ReadableSpan | null = null;
  const provider = new BasicTracerProvider({
    sampler: new AlwaysOnSampler(),
    idGenerator: { generateTraceId: () => next.traceId, generateSpanId: () => next.spanId },
    resource: defaultResource()
      .merge(resourceFromAttributes({ [ATTR_SERVICE_NAME]: 'chorus', [ATTR_SERVICE_VERSION]: version }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [
      {
        onStart: () => undefined,
        onEnd: (span) => {
          made = span;
        },
        forceFlush: async () => undefined,
        shutdown: async () => undefined,
      },
    ],
  });
  const tracer = provider.getTracer(scope, version);
  return ({ traceId, spanId, parentId, name, startMs, endMs, attributes, events, status }) => {
    next = { traceId, spanId };
    const parent = { traceId, spanId: parentId ?? '', traceFlags: TraceFlags.SAMPLED };
    const context = parentId === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
    const span = tracer.startSpan(name, { startTime: startMs, attributes, root: parentId === null }, context);
    for (const event of events) span.addEvent(event.name, event.attributes, event.atMs);
    if (status.kind === 'ok') span.setStatus({ code: SpanStatusCode.OK });
    if (status.kind === 'error') span.setStatus({ code: SpanStatusCode.ERROR, message: status.message });
    span.end(endMs);
    if (!made) throw new Error(`The span ${name} was not recorded`);
    return made;
  };
}
