import { afterEach, describe, expect, it } from 'vitest';
import { digitsDemo } from '../../../examples/digits/demo.ts';
import { type DigitsOptions, runDigitsClients } from '../../../examples/digits/run-clients.ts';
import { type Chorus, type ChorusOptions, createChorus } from '../../../src/index.ts';

let chorus: Chorus | null = null;
afterEach(async () => {
  await chorus?.close();
  chorus = null;
});

async function serve(options: ChorusOptions): Promise<{ url: string; handle: Chorus['handle'] }> {
  chorus = await createChorus({ storage: 'memory', ...options });
  const { coordinatorUrl: url } = await chorus.listen({ coordinator: 0, aggregator: 0 });
  return { url, handle: chorus.handle };
}

/** Lines reported, and a wait for one. */
function listener() {
  const lines: string[] = [];
  const waiting = new Map<string, () => void>();
  const report = (line: string) => {
    lines.push(line);
    for (const [text, resolve] of waiting) if (line.includes(text)) resolve();
  };
  const heard = (text: string) => new Promise<void>((resolve) => waiting.set(text, resolve));
  return { lines, report, heard };
}

const small = (url: string, report: DigitsOptions['report']): DigitsOptions => ({
  url,
  clients: 4,
  split: 'iid',
  seed: 1,
  imagesPerClient: 150,
  report,
  signal: new AbortController().signal,
});

describe('the clients of the digits example', () => {
  it('train a model over HTTP that tells most held-out digits, and report every round', async () => {
    const { url, handle } = await serve({ plan: { rounds: 3, minClients: 4 } });
    const { lines, report } = listener();
    const result = await runDigitsClients(small(url, report));

    expect(result).toMatchObject({ rounds: 3, clients: 4 });
    expect(result.accuracy).toBeGreaterThan(0.6);
    expect(result.centralizedAccuracy).toBeGreaterThan(0.75);
    expect(result.seconds).toBeGreaterThan(0);
    expect(lines.filter((line) => /^round [123]\/3 .* \d+\.\d % .* 4 updates/.test(line))).toHaveLength(3);
    expect(lines[0]).toContain('4 clients with 150 images, all digits each');
    expect(lines.at(-1)).toMatch(/^Federated: .*Centralized/);

    expect(handle.status()).toMatchObject({ runState: 'finished', modelVersion: 3, population: 0 });
    const { contributions, metrics } = handle.round(3);
    expect(contributions.map(({ numExamples }) => numExamples)).toEqual([150, 150, 150, 150]);
    expect(metrics).toEqual({ accuracy: expect.any(Number), loss: expect.any(Number) });
  });

  it('come to the same accuracy from the same seed', async () => {
    const accuracies: number[] = [];
    for (let time = 0; time < 2; time += 1) {
      const { url } = await serve({ plan: { rounds: 2, minClients: 3 } });
      const { accuracy } = await runDigitsClients({ ...small(url, () => undefined), clients: 3, split: 'two-digits' });
      accuracies.push(accuracy);
      await chorus?.close();
    }
    expect(accuracies[1]).toBeCloseTo(accuracies[0] ?? 0, 3);
  });

  it('leave when they are told to', async () => {
    const { url, handle } = await serve({ plan: { rounds: 10_000, minClients: 4 } });
    const { report, heard } = listener();
    const leaving = new AbortController();
    const run = runDigitsClients({ ...small(url, report), signal: leaving.signal });
    await heard('round     2/10000');
    leaving.abort(new Error('Ctrl-C'));
    await expect(run).rejects.toThrow('Ctrl-C');
    expect(handle.status().population).toBe(0);
  });

  it('say so when the server wants more clients than there are', async () => {
    const { url } = await serve({ plan: { minClients: 6 } });
    const { report, heard } = listener();
    const leaving = new AbortController();
    const run = runDigitsClients({ ...small(url, report), signal: leaving.signal });
    await heard('The server wants 6 clients, and 4 were started here');
    leaving.abort(new Error('Ctrl-C'));
    await expect(run).rejects.toThrow('Ctrl-C');
  });

  it('give up, and say why, when the plan cannot be trained with', async () => {
    const { url, handle } = await serve({ plan: { minClients: 2, hyperparameters: { batchSize: -1 } } });
    const run = runDigitsClients({ ...small(url, () => undefined), clients: 2 });
    await expect(run).rejects.toThrow(
      "Every client gave up, the last one so: The plan's hyperparameter batchSize is -1",
    );
    expect(handle.status().population).toBe(0);
  });

  it('do not join a run that is over', async () => {
    const { url, handle } = await serve({});
    handle.stopRun();
    await expect(runDigitsClients(small(url, () => undefined))).rejects.toThrow('The run was stopped');
  });

  it('are not more than the machine can have threads', async () => {
    const run = runDigitsClients({ ...small('http://127.0.0.1:9', () => undefined), clients: 101 });
    await expect(run).rejects.toThrow('give 1 to 100');
  });
});

describe('the demo', () => {
  it('has a plan that its twenty clients can meet', () => {
    expect(digitsDemo.plan).toMatchObject({ minClients: 20, hyperparameters: { learningRate: expect.any(Number) } });
  });

  it('refuses a split that it does not know', async () => {
    const options = {
      url: 'http://127.0.0.1:9',
      clients: 2,
      seed: 1,
      signal: AbortSignal.abort(),
      write: () => undefined,
    };
    expect(() => digitsDemo.run({ ...options, split: 'three-digits' })).toThrow('give two-digits or iid');
  });
});
