/** A demo run as one is in life: clients that train digits at different speeds, and some that trouble comes with. */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadDigits } from '../../examples/digits/data.ts';
import { layerSizes } from '../../examples/digits/hyperparameters.ts';
import type { LabelledImages } from '../../examples/digits/network.ts';
import { splitImages, takeImages } from '../../examples/digits/split.ts';
import { evaluate, initialModel, trainEpochs } from '../../examples/digits/trainer.ts';
import { participate } from '../../src/client/index.ts';
import type { Registration } from '../../src/domain/handle.ts';
import type { Tensors } from '../../src/domain/model.ts';
import { seededRandom } from '../../src/domain/random.ts';

const seed = 7;
const imagesPerClient = 120;
/** Every so many clients can evaluate a model, on every so many of the images that nobody trains on. */
const evaluatorsEvery = 3;
const evaluatedEvery = 40;
/** How often a client is far too late, and by how much, ms. */
const stallShare = 0.07;
const stallMs = 2_500;
const trainingSettings = { epochs: 1, batchSize: 10, learningRate: 0.1 };

export interface Crew {
  /** Lets every client leave. */
  stop(): Promise<void>;
}

export interface CrewOptions {
  url: string;
  /** Clients that do as they should. */
  steady: number;
  /** Clients that register, start to train, and are never heard of again: so many at a time. */
  vanishing: number;
  /** Clients whose updates are no numbers. */
  broken: number;
}

/** Starts the clients; they take part until they are stopped. */
export async function startCrew({ url, steady, vanishing, broken }: CrewOptions): Promise<Crew> {
  const { training, heldOut } = await loadDigits();
  const shards = splitImages(training.labels, { split: 'two-digits', clients: steady, imagesPerClient, seed });
  const stop = new AbortController();
  const { signal } = stop;
  // Each client listens, and each call of the broken ones does.
  setMaxListeners(0, signal);
  const at = shards.map((shard, client) =>
    takePart(url, client, { images: takeImages(training, shard), heldOut }, signal),
  );
  const ill = Array.from({ length: broken }, (_, client) => sendNonsense(url, client, signal));
  const lost = Array.from({ length: vanishing }, (_, client) => vanishAgainAndAgain(url, client, signal));
  return {
    stop: async () => {
      stop.abort();
      await Promise.allSettled([...at, ...ill, ...lost]);
    },
  };
}

const sites = ['north', 'south', 'east', 'west'];
const profileOf = (client: number, images: number) => ({
  name: `ward-${client + 1}`,
  attributes: { images, site: sites[client % sites.length] ?? 'north' },
});

/** Trains as it should, at a speed of its own, and now and then far too slowly. */
function takePart(
  url: string,
  client: number,
  { images, heldOut }: { images: LabelledImages; heldOut: LabelledImages },
  signal: AbortSignal,
) {
  const random = seededRandom(seed + client);
  const share = () => random.uint32() / 2 ** 32;
  const slowness = 120 + 90 * client;
  return participate({
    url,
    ...profileOf(client, images.labels.length),
    untilFinished: false,
    signal,
    train: async ({ tensors, signal: over }) => {
      const model = tensors ?? initialModel(layerSizes, seededRandom(seed));
      const score = await trainEpochs(model, images, { ...trainingSettings, random, signal: over });
      const stall = share() < stallShare ? stallMs : 0;
      await sleep(slowness * (0.7 + 0.6 * share()) + stall, undefined, { signal: over });
      return { tensors: model, numExamples: images.labels.length, metrics: { ...score } };
    },
    ...(client % evaluatorsEvery === 0
      ? {
          evaluate: ({ tensors }: { tensors: Tensors }) => ({
            numExamples: Math.floor(heldOut.labels.length / evaluatedEvery),
            metrics: { ...evaluate(tensors, heldOut, evaluatedEvery) },
          }),
        }
      : {}),
  });
}

/** Sends NaN whenever it is selected; the server refuses it. */
function sendNonsense(url: string, client: number, signal: AbortSignal) {
  return participate({
    url,
    ...profileOf(40 + client, 120),
    untilFinished: false,
    failedRoundsMax: 1_000,
    signal,
    train: async () => {
      const model = initialModel(layerSizes, seededRandom(seed));
      for (const { data } of Object.values(model)) data.fill(Number.NaN);
      return { tensors: model, numExamples: 120 };
    },
  });
}

/** Starts to train and is never heard of again; then another one does so. */
async function vanishAgainAndAgain(url: string, client: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { clientId, clientToken }: Registration = await ask(
      url,
      '/v1/clients',
      '',
      profileOf(60 + client, 80),
      signal,
    );
    await beginTraining(url, { clientId, clientToken }, signal);
    await sleep(9_000 + 5_000 * client, undefined, { signal });
  }
}

/** Waits until it is selected and has begun; or, on a busy machine, until it was silent for too long. */
async function beginTraining(
  url: string,
  { clientId, clientToken }: Pick<Registration, 'clientId' | 'clientToken'>,
  signal: AbortSignal,
): Promise<void> {
  const path = `/v1/clients/${clientId}`;
  for (;;) {
    await sleep(400, undefined, { signal });
    const beat = await ask(url, `${path}/heartbeat`, clientToken, undefined, signal);
    if (beat === null) return;
    // The round may have ended meanwhile.
    if (beat.state === 'selected' && (await ask(url, `${path}/training`, clientToken, undefined, signal))) return;
  }
}

/** @returns the answer; null: it cannot be done now, or the client is not known any more. */
// biome-ignore lint/suspicious/noExplicitAny: answers of three routes
async function ask(url: string, path: string, token: string, body: unknown, signal: AbortSignal): Promise<any> {
  const response = await fetch(url + path, {
    method: 'POST',
    signal,
    headers: {
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (response.status === 404 || response.status === 409) return null;
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
  return response.json();
}
