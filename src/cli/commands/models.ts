import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ModelView } from '../../domain/model.ts';
import { type Connection, publicApi } from '../api/connection.ts';
import { CommandFailure } from '../failure.ts';
import { byteSize } from '../render/format.ts';
import { styleFor } from '../render/style.ts';
import { modelsTable } from '../render/tables.ts';
import { print, printJson } from './output.ts';

/** `chorus models`: what was committed, oldest first. */
export async function showModels(options: Connection & { json?: boolean }): Promise<void> {
  const answer = await publicApi(options).json<{ models: ModelView[] }>('/v1/models');
  if (options.json) printJson(answer);
  else print(modelsTable(answer.models, styleFor(process.stdout)));
}

/**
 * `chorus models download`: a checkpoint as a safetensors file. It is checked against the digest that the server tells,
 * and appears under its name only when it is whole.
 */
export async function downloadModel(version: string, options: Connection & { out: string }): Promise<void> {
  const response = await publicApi(options).open(`/v1/models/${version}`);
  const expected = response.headers.get('etag')?.replaceAll('"', '') ?? null;
  const draft = `${options.out}.part`;
  const hash = createHash('sha256');
  let bytes = 0;
  async function* counted(chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      hash.update(chunk);
      bytes += chunk.byteLength;
      yield chunk;
    }
  }
  try {
    await pipeline(Readable.from(response.body ?? []), counted, createWriteStream(draft));
    const sha256 = hash.digest('hex');
    if (expected !== null && sha256 !== expected) {
      throw new CommandFailure(`The download is damaged: its SHA-256 is ${sha256}, not ${expected}; try again.`);
    }
    await rename(draft, options.out);
    print(
      `Model version ${response.headers.get('x-chorus-model-version') ?? version}, ${byteSize(bytes)}, in ${options.out}`,
    );
  } catch (error) {
    await rm(draft, { force: true });
    if (error instanceof CommandFailure) throw error;
    throw new CommandFailure(`The model could not be written to ${options.out}: ${(error as Error).message}.`);
  }
}
