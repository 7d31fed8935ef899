import { SimulatedClock } from 'xstate';
import { type Core, createCore } from '../../../src/core.ts';
import type { ClientCounts } from '../../../src/domain/client.ts';
import type { Evaluate } from '../../../src/domain/evaluate.ts';
import type { Entry } from '../../../src/domain/facts.ts';
import type { Status } from '../../../src/domain/handle.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { seededRandom } from '../../../src/domain/random.ts';
import { readJournal } from '../../../src/storage/journal-reader.ts';
import { vector } from '../../../src/testing/test-chorus.ts';
import { encodeSafetensors } from '../../../src/wire/safetensors.ts';
import { writeUpdateMetadata } from '../../../src/wire/update-metadata.ts';
import { MemoryDisk } from './memory-disk.ts';

export const startAtMs = Date.UTC(2020, 0, 1);

/** What a server said of itself, and how many facts it had written by then. */
export interface Seen {
  seq: number;
  status: Status;
}

export interface SceneOptions {
  plan: Partial<Plan>;
  durability?: 'update' | 'round';
  keepUpdates?: boolean;
  /** The server's own evaluator. @default none */
  evaluator?: Evaluate;
  /** What an earlier process left. @default nothing */
  files?: ReadonlyMap<string, Buffer>;
  nowMs?: number;
}

/** Servers that follow one another on one disk, with all that was seen of them. */
export class Scene {
  readonly disk: MemoryDisk;
  /** At moments when nothing was under way. */
  readonly seen: Seen[] = [];
  /** Counts of the live registry just before so many facts were written in one append, from this one on. */
  readonly countsBefore = new Map<number, { counts: ClientCounts; facts: number }>();
  /** What the disk would have held, had the process ended just before a fact was written. */
  readonly diskBefore = new Map<number, { files: ReadonlyMap<string, Buffer>; atMs: number }>();
  readonly crashes: unknown[] = [];
  readonly #options: SceneOptions;
  readonly #tickets = new Map<string, { round: number; trainingToken: string }>();
  #process: { core: Core; clock: SimulatedClock; end: AbortController } | null = null;
  #nowMs: number;
  #seq = 0;
  #lives = 0;

  private constructor(options: SceneOptions) {
    this.#options = options;
    this.disk = new MemoryDisk(options.files);
    this.#nowMs = options.nowMs ?? startAtMs;
  }

  static async begin(options: SceneOptions): Promise<Scene> {
    const scene = new Scene(options);
    await scene.start();
    return scene;
  }

  get core(): Core {
    if (!this.#process) throw new Error('No server runs');
    return this.#process.core;
  }

  get handle() {
    return this.core.handle;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  async start(more: Partial<Pick<SceneOptions, 'durability' | 'plan'>> = {}): Promise<void> {
    const { durability = 'update', keepUpdates = false, plan, evaluator } = { ...this.#options, ...more };
    const clock = new SimulatedClock();
    clock.set(this.#nowMs);
    const end = new AbortController();
    this.#lives += 1;
    const core = await createCore({
      ...{ plan, durability, keepUpdates, clock, aggregator: 'inline' as const },
      ...(evaluator ? { evaluator } : {}),
      storage: { disk: this.disk.faceFor(end.signal, (facts) => this.#noteAppend(facts)) },
      clientKey: new Uint8Array(32).fill(7),
      random: seededRandom(this.#lives),
      entropy: seededRandom(this.#lives ^ 0x5eed),
      onCrash: (error) => this.crashes.push(error),
    });
    this.#process = { core, clock, end };
    await this.settle();
  }

  /** The process is gone from one moment to the next. */
  kill(): void {
    this.#process?.end.abort(new Error('The process is gone'));
    this.#process = null;
  }

  async close(): Promise<void> {
    await this.core.close({ graceMs: 0 });
    this.#process = null;
  }

  /** Time in which no server runs. */
  pass(ms: number): void {
    this.#nowMs += ms;
  }

  /** Lets everything happen that needs no time, and looks. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    this.seen.push({ seq: this.#seq, status: this.handle.status() });
  }

  /** Lets time pass, in steps. @param alive clients that send heartbeats meanwhile. */
  async advance(ms: number, alive: readonly string[] = []): Promise<void> {
    for (let passed = 0; passed < ms; passed += 500) {
      const step = Math.min(500, ms - passed);
      this.#nowMs += step;
      this.#process?.clock.increment(step);
      for (const clientId of alive) this.handle.heartbeat(clientId);
      await this.settle();
    }
  }

  async join(name?: string, evaluates = false): Promise<string> {
    const { clientId } = this.handle.rendezvous({ ...(name === undefined ? {} : { name }), evaluates });
    await this.settle();
    return clientId;
  }

  async train(clientId: string): Promise<void> {
    const { round, trainingToken } = await this.handle.startTraining(clientId);
    this.#tickets.set(clientId, { round, trainingToken });
    await this.settle();
  }

  /** Uploads weights of one F32 tensor, after `train`. @returns the code of a refusal, or null */
  async upload(clientId: string, weights: readonly number[], numExamples = 1): Promise<string | null> {
    const bytes = encodeSafetensors(vector(weights), writeUpdateMetadata({ numExamples, metrics: { loss: 1 } }));
    const ticket = this.#tickets.get(clientId);
    const { gate } = this.core;
    if (!gate || !ticket) throw new Error('The client has not started training');
    try {
      const upload = gate.beginUpload({ ...ticket, clientId, contentLength: bytes.byteLength });
      await upload.ready();
      upload.write(bytes);
      await upload.finish();
      return null;
    } catch (error) {
      return (error as { code: string }).code;
    } finally {
      await this.settle();
    }
  }

  async contribute(clientId: string, weights: readonly number[], numExamples = 1): Promise<string | null> {
    await this.train(clientId);
    return this.upload(clientId, weights, numExamples);
  }

  /** Takes up its task and reports these metrics. */
  async evaluate(clientId: string, metrics: Record<string, number>, numExamples = 1): Promise<void> {
    const { round } = await this.handle.startTraining(clientId);
    await this.handle.reportEvaluation(clientId, { round, numExamples, metrics });
    await this.settle();
  }

  /** Everything written so far. */
  async entries(): Promise<Entry[]> {
    const entries: Entry[] = [];
    const disk = this.disk.faceFor(new AbortController().signal);
    for await (const entry of readJournal(disk, { all: true })) entries.push(entry);
    return entries;
  }

  #noteAppend(facts: number): void {
    this.diskBefore.set(this.#seq + 1, { files: new Map(this.disk.files), atMs: this.#nowMs });
    if (facts > 0 && this.#process) {
      this.countsBefore.set(this.#seq + 1, { counts: this.handle.status().counts, facts });
    }
    this.#seq += facts;
  }
}
