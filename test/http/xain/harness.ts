import { type ChildProcess, spawn } from 'node:child_process';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from 'vitest';
import { type Chorus, type ChorusOptions, createChorus } from '../../../src/chorus.ts';
import type { Tensor } from '../../../src/domain/model.ts';
import type { Plan } from '../../../src/domain/plan.ts';
import { encodeNpy } from '../../../src/wire/npy.ts';
import { decodeSafetensors } from '../../../src/wire/safetensors.ts';

/** Longest wait for something that must happen, ms. */
const waitMsMax = 20_000;

export interface Server {
  chorus: Chorus;
  coordinatorUrl: string;
  aggregatorUrl: string;
}

export async function startServer(options: ChorusOptions = {}): Promise<Server> {
  const chorus = await createChorus({ foldThreads: 1, http: { xainApi: true }, ...options });
  return { chorus, ...(await chorus.listen({ coordinator: 0, aggregator: 0 })) };
}

/** One server for all tests of a file; each begins a run of its own. */
export function useServer() {
  let server: Server | null = null;
  let acceptedBefore = 0;
  const started = (): Server => {
    if (!server) throw new Error('The server is not started yet');
    return server;
  };
  const handle = () => started().chorus.handle;
  const acceptedInAll = () => handle().metrics().updatesTotal.accepted;
  beforeAll(async () => {
    server = await startServer({ autoStart: false });
  });
  afterAll(() => server?.chorus.close({ graceMs: 100 }));
  return {
    get server() {
      return started();
    },
    get handle() {
      return handle();
    },
    /** Begins a run; the clients of the one before are gone, and it is stopped if it still goes on. */
    begin(plan: Partial<Plan>): void {
      for (const { clientId } of handle().clients({ limit: 1_000 }).clients) handle().leave(clientId);
      const state = handle().run()?.state;
      if (state !== undefined && state !== 'finished' && state !== 'stopped') handle().stopRun();
      handle().startRun({ ...plan });
      acceptedBefore = acceptedInAll();
    },
    /** Updates accepted since the run began. */
    accepted: () => acceptedInAll() - acceptedBefore,
    isFinished: () => handle().run()?.state === 'finished',
    latestModel: async () => ({ ...decodeSafetensors((await handle().openModel('latest')).bytes).tensors }),
  };
}

/** Waits until something holds of the server, looking again at each of its events. */
export function until({ chorus }: Server, holds: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let unsubscribe = () => {};
    const settle = (error: Error | null) => {
      clearTimeout(timer);
      unsubscribe();
      if (error) reject(error);
      else resolve();
    };
    const timer = setTimeout(() => settle(new Error(chorus.handle.status().waitingFor.summary)), waitMsMax);
    const look = () => {
      if (holds()) settle(null);
    };
    unsubscribe = chorus.handle.events.subscribe(look);
    look();
  });
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  bytes: Buffer;
}

/** A call on a connection of its own, as these participants make it: nothing said of the body but its length. */
export function call(method: string, url: string, body?: Uint8Array): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = body ? { 'content-length': body.byteLength } : {};
    const outgoing = request(url, { method, headers, agent: false }, (response) =>
      answerOf(response).then(resolve, reject),
    );
    // A refusal may come while the body is still being sent; then the answer counts.
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** An upload in pieces: the first at once, the rest when told. Without a length it is chunked. */
export function openUpload(url: string, first: Uint8Array, contentLength?: number) {
  const headers =
    contentLength === undefined ? { 'transfer-encoding': 'chunked' } : { 'content-length': contentLength };
  const outgoing = request(url, { method: 'POST', headers, agent: false });
  const answer = new Promise<Answer>((resolve, reject) => {
    outgoing.on('response', (response) => answerOf(response).then(resolve, reject));
    outgoing.on('error', reject);
  });
  answer.catch(() => undefined);
  const write = (bytes: Uint8Array) => new Promise<void>((resolve) => outgoing.write(bytes, () => resolve()));
  return { sent: write(first), write, end: () => outgoing.end(), destroy: () => outgoing.destroy(), answer };
}

async function answerOf(response: IncomingMessage): Promise<Answer> {
  const pieces: Buffer[] = [];
  for await (const piece of response as AsyncIterable<Buffer>) pieces.push(piece);
  return { status: response.statusCode ?? 0, headers: response.headers, bytes: Buffer.concat(pieces) };
}

export async function json({ coordinatorUrl }: Server, path: string): Promise<unknown> {
  const { status, bytes } = await call('GET', `${coordinatorUrl}${path}`);
  if (status !== 200) throw new Error(`${path}: ${status} ${bytes}`);
  return JSON.parse(bytes.toString());
}

export const vector = (...weights: number[]): Tensor => ({
  dtype: 'F32',
  shape: [weights.length],
  data: Float32Array.from(weights),
});

/** The body of an upload. */
export function bodyOf(numExamples: number, weights: Tensor | Uint8Array): Buffer {
  const count = Buffer.alloc(4);
  count.writeUInt32BE(numExamples);
  return Buffer.concat([count, weights instanceof Uint8Array ? weights : encodeNpy(weights)]);
}

/** A participant that takes one step at a time. */
export class Participant {
  readonly server: Server;
  readonly id: string;
  url = '';

  constructor(server: Server, id: string) {
    this.server = server;
    this.id = id;
  }

  static async join(server: Server): Promise<Participant> {
    const { id } = (await json(server, '/rendez_vous')) as { id: string };
    return new Participant(server, id);
  }

  beat = () => json(this.server, `/heartbeat/${this.id}`);

  async start(): Promise<unknown> {
    const started = (await json(this.server, `/start_training/${this.id}`)) as { url: string; token: string };
    this.url = `${started.url}/${this.id}/${started.token}`;
    return started;
  }

  download = () => call('GET', this.url);
  upload = (body: Uint8Array) => call('POST', this.url, body);

  get state(): string {
    return this.server.chorus.handle.client(this.id).state;
  }
}

/** Joins so many participants and waits until they are selected. */
export async function selected(server: Server, count: number): Promise<Participant[]> {
  const participants: Participant[] = [];
  for (let index = 0; index < count; index += 1) participants.push(await Participant.join(server));
  await until(server, () => participants.every(({ state }) => state === 'selected'));
  return participants;
}

/** As above, and each has started. */
export async function inTraining(server: Server, count: number): Promise<Participant[]> {
  const participants = await selected(server, count);
  for (const participant of participants) await participant.start();
  return participants;
}

/** The only participant, in training. */
export async function oneInTraining(server: Server): Promise<Participant> {
  const [participant] = await inTraining(server, 1);
  if (!participant) throw new Error('Nobody joined');
  return participant;
}

/** What a participant's script says it did. */
export interface Sent {
  id: string;
  index: number;
  token: string;
  round: number;
  received: number[] | null;
  sent: number[];
  count: number;
}

const children = new Set<ChildProcess>();

/** Runs a participant's script as a process of its own. @returns what it sent; rejects when it ends otherwise than well. */
export function runParticipant(command: string, script: URL, args: readonly string[]): Promise<Sent[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [fileURLToPath(script), ...args]);
    children.add(child);
    let output = '';
    let complaints = '';
    child.stdout.on('data', (piece: Buffer) => {
      output += piece.toString();
    });
    child.stderr.on('data', (piece: Buffer) => {
      complaints += piece.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => {
      children.delete(child);
      if (code !== 0) return reject(new Error(`A participant ended with ${code}: ${complaints}`));
      const lines = output.split('\n').filter((line) => line !== '');
      return resolve(lines.map((line) => JSON.parse(line) as Sent));
    });
  });
}

/** Ends the scripts that still run. */
export function endParticipants(): void {
  for (const child of children) child.kill();
}
