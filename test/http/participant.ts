import { expect } from 'vitest';
import type { Heartbeat, Receipt, Registration, TrainingTicket } from '../../src/domain/handle.ts';
import type { Tensors } from '../../src/domain/model.ts';
import { encodeSafetensors } from '../../src/wire/safetensors.ts';
import { writeUpdateMetadata } from '../../src/wire/update-metadata.ts';
import { type Answer, type CallOptions, eventually, patienceMs } from './calls.ts';
import type { TestServer } from './test-server.ts';

/** A client that does over HTTP what its test tells it. */
export class Participant {
  readonly server: TestServer;
  readonly clientId: string;
  readonly clientToken: string;
  ticket: TrainingTicket | null = null;

  constructor(server: TestServer, { clientId, clientToken }: Registration) {
    this.server = server;
    this.clientId = clientId;
    this.clientToken = clientToken;
  }

  get state(): string {
    return this.server.stateOf(this.clientId);
  }

  get trainingToken(): string {
    if (!this.ticket) throw new Error('The client has not started training');
    return this.ticket.trainingToken;
  }

  ask(method: string, path = '', options: CallOptions = {}): Promise<Answer> {
    return this.server.ask(method, `/v1/clients/${this.clientId}${path}`, { token: this.clientToken, ...options });
  }

  async beat(): Promise<Heartbeat> {
    const { status, json } = await this.ask('POST', '/heartbeat');
    expect(status).toBe(200);
    return json;
  }

  /** A held heartbeat. */
  wait(seconds: number, options: CallOptions = {}): Promise<Answer> {
    return this.ask('POST', '/heartbeat', { headers: { prefer: `wait=${seconds}` }, ...options });
  }

  /** Sends held heartbeats, one after another, until the server does not know the client or is gone. */
  stayAlive(): void {
    const loop = async () => {
      let known: { state: string; round: number } | null = null;
      for (;;) {
        const { status, json } = await this.wait(5, known ? { body: known } : {});
        if (status !== 200) return;
        known = { state: json.state, round: json.round };
      }
    };
    // When the server is gone, so is the reason to go on.
    void loop().catch(() => undefined);
  }

  /** Sends held heartbeats, one after another, until the client is what is wanted. */
  async waitUntil(state: Heartbeat['state']): Promise<Heartbeat> {
    const giveUpAtMs = performance.now() + patienceMs;
    let heard = await this.beat();
    while (heard.state !== state) {
      if (performance.now() > giveUpAtMs) throw new Error(`The client is ${JSON.stringify(heard)}, not ${state}`);
      const { json } = await this.wait(2, { body: { state: heard.state, round: heard.round } });
      heard = json;
    }
    return heard;
  }

  /** Starts training, as soon as the client is selected: the aggregator may still be opening the round. */
  async start(): Promise<TrainingTicket> {
    await eventually(() => this.state).toMatch(/^(selected|training)$/);
    const { status, json } = await this.ask('POST', '/training');
    expect({ status, json }).toMatchObject({ status: 200 });
    this.ticket = json;
    return json;
  }

  get uploadPath(): string {
    return `/v1/rounds/${this.ticket?.round}/updates/${this.clientId}`;
  }

  upload(body: Uint8Array | ReadableStream, options: CallOptions = {}): Promise<Answer> {
    return this.server.askAggregator('PUT', this.uploadPath, { token: this.trainingToken, body, ...options });
  }

  download(options: CallOptions = {}, method = 'GET'): Promise<Answer> {
    const path = `/v1/rounds/${this.ticket?.round}/model`;
    return this.server.askAggregator(method, path, { token: this.trainingToken, ...options });
  }

  /** Starts, and uploads this update. */
  async contribute(update: readonly number[] | Tensors, numExamples = 1): Promise<Receipt> {
    await this.start();
    const { status, json } = await this.upload(updateOf(update, numExamples));
    expect({ status, json }).toMatchObject({ status: 200, json: { verdict: 'accepted' } });
    return json.receipt;
  }
}

/** A model of one F32 tensor `w`. */
export const vector = (weights: readonly number[]): Tensors => ({
  w: { dtype: 'F32', shape: [weights.length], data: Float32Array.from(weights) },
});

/** The bytes of an update; numbers are the weights of one F32 tensor `w`. */
export function updateOf(
  update: readonly number[] | Tensors,
  numExamples = 1,
  metrics: Record<string, number> = {},
): Uint8Array<ArrayBuffer> {
  const tensors = Array.isArray(update) ? vector(update as readonly number[]) : (update as Tensors);
  return encodeSafetensors(tensors, writeUpdateMetadata({ numExamples, metrics })) as Uint8Array<ArrayBuffer>;
}
