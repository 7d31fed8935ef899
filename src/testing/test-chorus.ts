import { SimulatedClock } from 'xstate';
import { type Core, type CoreOptions, createCore } from '../core.ts';
import type { ClientProfile } from '../domain/client.ts';
import type { ChorusEvent, Heartbeat, Receipt, TrainingTicket } from '../domain/handle.ts';
import type { Tensors } from '../domain/model.ts';
import { seededRandom } from '../domain/random.ts';
import { decodeSafetensors, encodeSafetensors } from '../wire/safetensors.ts';
import { writeUpdateMetadata } from '../wire/update-metadata.ts';

export interface TestChorusOptions extends Omit<CoreOptions, 'clock' | 'random' | 'entropy' | 'aggregator'> {
  /** Decides ids, tokens and selection: the same seed, the same run. @default 1 */
  seed?: number;
}

/** When simulated time starts: 2020-01-01, so that times are recognised as such. */
const startAtMs = Date.UTC(2020, 0, 1);

/** The whole system in this thread, on a simulated clock, with seeded randomness and no port. */
export class TestChorus {
  readonly chorus: Core;
  readonly events: ChorusEvent[] = [];
  readonly #clock: SimulatedClock;
  readonly #crashes: unknown[];

  private constructor(chorus: Core, clock: SimulatedClock, crashes: unknown[]) {
    this.chorus = chorus;
    this.#clock = clock;
    this.#crashes = crashes;
    chorus.handle.events.subscribe((event) => this.events.push(event), { afterId: 0 });
  }

  static async create({ seed = 1, ...options }: TestChorusOptions = {}): Promise<TestChorus> {
    const clock = new SimulatedClock();
    clock.set(startAtMs);
    const crashes: unknown[] = [];
    const chorus = await createCore({
      ...options,
      clock,
      random: seededRandom(seed),
      entropy: seededRandom(seed ^ 0x5eed),
      aggregator: 'inline',
      onCrash: options.onCrash ?? ((error) => crashes.push(error)),
    });
    const test = new TestChorus(chorus, clock, crashes);
    await test.settle();
    return test;
  }

  get handle() {
    return this.chorus.handle;
  }

  get nowMs(): number {
    return this.#clock.now();
  }

  /** Invariants that machines broke, if any. */
  get crashes(): readonly unknown[] {
    return this.#crashes;
  }

  /** Lets everything happen that needs no time. */
  async settle(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  /**
   * Lets time pass, in steps, so that a deadline armed by a deadline is met as well.
   * @param alive clients that send heartbeats meanwhile.
   */
  async advance(
    ms: number,
    { alive = [], stepMs = 100 }: { alive?: TestClient[]; stepMs?: number } = {},
  ): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.#clock.increment(Math.min(stepMs, ms - passed));
      for (const client of alive) client.beat();
      await this.settle();
    }
  }

  async join(profile: ClientProfile = {}): Promise<TestClient> {
    const { clientId } = this.handle.rendezvous(profile);
    await this.settle();
    return new TestClient(this, clientId);
  }

  /** A client of a server before this one in the same folder, with what it had. */
  adopt({ clientId, ticket }: TestClient): TestClient {
    const client = new TestClient(this, clientId);
    client.ticket = ticket;
    return client;
  }

  async joinMany(count: number): Promise<TestClient[]> {
    const clients: TestClient[] = [];
    for (let client = 0; client < count; client += 1) clients.push(await this.join());
    return clients;
  }

  /** The tensors of a committed model. */
  async model(version: number | 'latest' = 'latest'): Promise<Tensors> {
    const { bytes } = await this.handle.openModel(version);
    return decodeSafetensors(bytes).tensors;
  }
}

/** A client that does what it is told, in-process. */
export class TestClient {
  readonly clientId: string;
  readonly #test: TestChorus;
  ticket: TrainingTicket | null = null;

  constructor(test: TestChorus, clientId: string) {
    this.#test = test;
    this.clientId = clientId;
  }

  beat(): Heartbeat {
    return this.#test.handle.heartbeat(this.clientId);
  }

  get state(): string {
    return this.#test.handle.client(this.clientId).state;
  }

  async start(): Promise<TrainingTicket> {
    this.ticket = await this.#test.handle.startTraining(this.clientId);
    return this.ticket;
  }

  /** The global model, or null when the run has none yet. */
  download(): Tensors | null {
    const { round, trainingToken } = this.#mustHaveTicket();
    const model = this.#test.chorus.gate?.beginDownload({ round, trainingToken });
    return model ? decodeSafetensors(new Uint8Array(model.bytes)).tensors : null;
  }

  async upload(
    update: Tensors | Uint8Array,
    { numExamples = 1, metrics = {} }: { numExamples?: number; metrics?: Record<string, number> } = {},
  ): Promise<Receipt> {
    const { round, trainingToken } = this.#mustHaveTicket();
    const bytes =
      update instanceof Uint8Array ? update : encodeSafetensors(update, writeUpdateMetadata({ numExamples, metrics }));
    const { gate } = this.#test.chorus;
    if (!gate) throw new Error('The aggregator does not run inline');
    const upload = gate.beginUpload({
      round,
      clientId: this.clientId,
      trainingToken,
      contentLength: bytes.byteLength,
    });
    try {
      await upload.ready();
      upload.write(bytes);
    } catch (error) {
      upload.abort();
      throw error;
    }
    return upload.finish();
  }

  /** Starts, and reports these metrics of the model. */
  async evaluate(metrics: Record<string, number>, numExamples = 1): Promise<Receipt> {
    const { round } = await this.start();
    return this.#test.handle.reportEvaluation(this.clientId, { round, numExamples, metrics });
  }

  /** Starts, and uploads these weights as one F32 tensor `w`. */
  async contribute(weights: readonly number[], numExamples = 1): Promise<Receipt> {
    await this.start();
    return this.upload(vector(weights), { numExamples });
  }

  #mustHaveTicket(): TrainingTicket {
    if (!this.ticket) throw new Error('The client has not started training');
    return this.ticket;
  }
}

/** A model of one F32 tensor `w`. */
export const vector = (weights: readonly number[]): Tensors => ({
  w: { dtype: 'F32', shape: [weights.length], data: Float32Array.from(weights) },
});
