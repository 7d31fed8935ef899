import { expect, onTestFinished } from 'vitest';
import { ChorusError } from '../../src/domain/errors.ts';
import type { ChorusEvent } from '../../src/domain/handle.ts';
import { type Chorus, type ChorusOptions, createChorus } from '../../src/index.ts';
import { type Answer, type CallOptions, call, eventually, patienceMs } from './calls.ts';
import { Participant } from './participant.ts';

/** A server with both ports open, and what tests ask of it. */
export class TestServer {
  readonly chorus: Chorus;
  readonly coordinatorUrl: string;
  readonly aggregatorUrl: string;
  readonly events: ChorusEvent[] = [];

  private constructor(chorus: Chorus, urls: { coordinatorUrl: string; aggregatorUrl: string }) {
    this.chorus = chorus;
    this.coordinatorUrl = urls.coordinatorUrl;
    this.aggregatorUrl = urls.aggregatorUrl;
    chorus.handle.events.subscribe((event) => this.events.push(event), { afterId: 0 });
  }

  /** A server for a whole file: close it in `afterAll`. */
  static async start(options: ChorusOptions = {}): Promise<TestServer> {
    // Most tests send no heartbeats, and may take long on a machine that does much else.
    const plan = { heartbeatTimeoutMs: 600_000, ...options.plan };
    const chorus = await createChorus({ foldThreads: 1, preloadHttp: true, ...options, plan });
    return new TestServer(chorus, await chorus.listen({ coordinator: 0, aggregator: 0 }));
  }

  /** A server for one test. */
  static async forTest(options: ChorusOptions = {}): Promise<TestServer> {
    const server = await TestServer.start(options);
    onTestFinished(() => server.close());
    return server;
  }

  get handle() {
    return this.chorus.handle;
  }

  get adminToken(): string {
    return this.chorus.adminToken;
  }

  close(graceMs = 200): Promise<void> {
    return this.chorus.close({ graceMs });
  }

  /** A call of the coordinator. */
  ask(method: string, path: string, options?: CallOptions): Promise<Answer> {
    return call(method, this.coordinatorUrl + path, options);
  }

  /** A call of the coordinator as its operator. */
  order(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    return call(method, this.coordinatorUrl + path, { token: this.adminToken, ...options });
  }

  /** A call of the aggregator. */
  askAggregator(method: string, path: string, options?: CallOptions): Promise<Answer> {
    return call(method, this.aggregatorUrl + path, options);
  }

  async join(profile?: Record<string, unknown>): Promise<Participant> {
    const { status, json } = await this.ask('POST', '/v1/clients', profile ? { body: profile } : {});
    expect(status).toBe(201);
    return new Participant(this, json);
  }

  /** A client of a server before this one, with what it had. */
  adopt({ clientId, clientToken, ticket }: Participant): Participant {
    const client = new Participant(this, { clientId, clientToken, heartbeatIntervalMs: 0, heartbeatTimeoutMs: 0 });
    client.ticket = ticket;
    return client;
  }

  joinMany(count: number): Promise<Participant[]> {
    return Promise.all(Array.from({ length: count }, () => this.join()));
  }

  /** The first event of this kind, from the start of the server on; waits for it. */
  async event(type: string, matches: (event: ChorusEvent) => boolean = () => true): Promise<ChorusEvent> {
    const find = () => this.events.find((event) => event.type === type && matches(event));
    const found = find();
    if (found) return found;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        stop();
        reject(new Error(`No event ${type} came; the last are ${JSON.stringify(this.events.slice(-5))}`));
      }, patienceMs);
      const stop = this.handle.events.subscribe(() => {
        const event = find();
        if (!event) return;
        clearTimeout(timer);
        stop();
        resolve(event);
      });
    });
  }

  /** The model of a committed version, once it is there. */
  async model(version: number): Promise<Answer> {
    await this.event('round.committed', ({ data }) => (data.modelVersion as number) >= version);
    return this.ask('GET', `/v1/models/${version}`);
  }

  /** One number of a `/metrics` page. */
  async metric(name: string, url = this.aggregatorUrl): Promise<number> {
    const { text } = await call('GET', `${url}/metrics`);
    const line = text.split('\n').find((one) => one.startsWith(`${name} `) || one.startsWith(`${name}{`));
    if (!line) throw new Error(`There is no metric ${name}`);
    return Number(line.slice(line.lastIndexOf(' ') + 1));
  }

  /** Waits until no upload is under way and the memory of all is given back. */
  async expectNothingStaged(): Promise<void> {
    const read = async () => [await this.metric('chorus_uploads_in_flight'), await this.metric('chorus_staged_bytes')];
    await eventually(read).toEqual([0, 0]);
  }

  stateOf(clientId: string): string {
    try {
      return this.handle.client(clientId).state;
    } catch (error) {
      return error instanceof ChorusError ? error.code : String(error);
    }
  }

  async expectState(clientId: string, state: string): Promise<void> {
    await eventually(() => this.stateOf(clientId)).toBe(state);
  }
}
