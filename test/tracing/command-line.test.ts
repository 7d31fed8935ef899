import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { participate, tensor } from '../../src/client/index.ts';
import { Workplace } from '../cli/processes.ts';
import { Collector } from './collector.ts';

const place = new Workplace();
afterAll(() => place.close());

const oneRound = ['--storage', 'memory', '--min-clients', '1', '--rounds', '1'];
const takePart = (url: string) => participate({ url, train: () => ({ tensors: { w: tensor([1]) }, numExamples: 1 }) });

/** Makes a process write down which modules of OpenTelemetry it imports. */
function watchImports(name: string): { env: Record<string, string>; imported: () => string } {
  const seen = place.path(`${name}.txt`);
  const hooks = `import { appendFileSync } from 'node:fs';
export async function resolve(specifier, context, next) {
  if (specifier.startsWith('@opentelemetry/')) appendFileSync(${JSON.stringify(seen)}, specifier + '\\n');
  return next(specifier, context);
}`;
  const hooksUrl = `data:text/javascript,${encodeURIComponent(hooks)}`;
  writeFileSync(
    place.path(`${name}.mjs`),
    `import { register } from 'node:module'; register(${JSON.stringify(hooksUrl)});`,
  );
  return {
    env: { NODE_OPTIONS: `--import=${place.path(`${name}.mjs`)}` },
    imported: () => (existsSync(seen) ? readFileSync(seen, 'utf8') : ''),
  };
}

describe('chorus serve', () => {
  it('loads nothing of OpenTelemetry when it has nowhere to send to', async () => {
    const { env, imported } = watchImports('off');
    const server = await place.serve(oneRound, env);
    await takePart(server.url);
    await server.stop();
    expect(imported()).toBe('');
  });

  it('sends traces to --otlp-endpoint, rather than to what the environment names', async () => {
    const collector = await Collector.start();
    const { env, imported } = watchImports('on');
    const server = await place.serve([...oneRound, '--otlp-endpoint', `${collector.url}/`], {
      ...env,
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
    });
    await takePart(server.url);
    await collector.saw(({ name }) => name === 'round');
    await server.stop();
    expect(imported()).toContain('@opentelemetry/sdk-trace-base');
  });

  it('sends traces to what the file of settings names, rather than to what the environment does', async () => {
    const collector = await Collector.start();
    writeFileSync(place.path('chorus.toml'), `[server]\notlp-endpoint = "${collector.url}"\n`);
    const server = await place.serve([...oneRound, '--config', 'chorus.toml'], {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
    });
    await takePart(server.url);
    await collector.saw(({ name }) => name === 'round');
    await server.stop();
  });

  it('takes the collector, its headers and the service’s name from the usual variables', async () => {
    const collector = await Collector.start();
    const server = await place.serve(oneRound, {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'api-key=abc',
      OTEL_SERVICE_NAME: 'ward-7',
    });
    await takePart(server.url);
    await collector.saw(({ name }) => name === 'round');
    await server.stop();
    const [request] = collector.requests;
    expect(request?.headers['api-key']).toBe('abc');
    expect(request?.body).toContain('{"key":"service.name","value":{"stringValue":"ward-7"}}');
  });

  it('sends what it has when it is told to stop', async () => {
    const collector = await Collector.start();
    const server = await place.serve([...oneRound, '--otlp-endpoint', collector.url]);
    const { receipts } = await takePart(server.url);
    await server.stop();
    expect(collector.named('client').map(({ attributes }) => attributes['chorus.receipt.sha256'])).toEqual(
      receipts.map(({ sha256 }) => sha256),
    );
  });

  it.each(['collector:4318', 'http://user:secret@127.0.0.1:4318', 'ftp://127.0.0.1'])(
    'refuses %s as an endpoint, and shows no password',
    async (endpoint) => {
      const { code, stderr } = await place.run(['serve', '--storage', 'memory', '--otlp-endpoint', endpoint]);
      expect(code).toBe(2);
      expect(stderr).toContain('otlpEndpoint (--otlp-endpoint) is no http or https URL');
      expect(stderr).not.toContain('secret');
    },
  );
});
