import type { Aggregate, PublishedModel } from '../domain/aggregation.ts';
import { fromRefusal } from '../domain/errors.ts';
import { readSafetensorsHead, schemaOf } from '../wire/safetensors.ts';
import type { FoldPool } from './fold-task.ts';
import { piecesOf } from './inspection.ts';
import type { GivenModel } from './open-round.ts';
import type { Span } from './shared-memory.ts';

/** The model that is handed out, and that the sums of rounds begin from. */
export class ServedModel {
  #model: (Omit<GivenModel, 'state'> & { published: PublishedModel }) | null = null;

  get published(): PublishedModel | null {
    return this.#model?.published ?? null;
  }

  publish(model: PublishedModel | null): void {
    if (model === null) this.#model = null;
    else if (model.info.version !== this.published?.info.version) {
      // Its values were checked when it was made, or when it was installed.
      const head = readSafetensorsHead(new Uint8Array(model.bytes));
      const schema = schemaOf(head);
      this.#model = { published: model, schema, span: spanOf(model.bytes), pieces: piecesOf(head, schema) };
    }
  }

  /** As a round of this run begins from it. What a strategy kept is good for the run in which it did. */
  givenTo(run: string): GivenModel | null {
    if (!this.#model) return null;
    const { published, schema, span, pieces } = this.#model;
    return { schema, span, pieces, state: published.info.run === run ? (published.state ?? null) : null };
  }
}

/** Checks bytes of an initial model. @throws any refusal of a model */
export async function checkedModel(pool: FoldPool, bytes: SharedArrayBuffer): Promise<Aggregate> {
  const task = {
    span: spanOf(bytes),
    expectedBytes: bytes.byteLength,
    schema: null,
    numExamplesMax: Number.MAX_SAFE_INTEGER,
    normMax: null,
    allowZeroExamples: true,
    isModel: true,
  };
  const inspected = await pool.inspect(task).finish(bytes.byteLength);
  if (inspected.kind === 'refused') throw fromRefusal(inspected);
  const { sha256, schema } = inspected;
  return { bytes, sha256, schema };
}

/** A whole buffer that is no arena of ours. */
const spanOf = (bytes: SharedArrayBuffer): Span => ({
  arena: { id: -1, memory: bytes },
  at: 0,
  bytes: bytes.byteLength,
});
