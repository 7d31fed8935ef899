import { createHash } from 'node:crypto';
import type { RoundRecord } from '../../domain/handle.ts';
import { type Acknowledged, keyOf } from './attempts.ts';
import type { Payload } from './payload.ts';
import type { ReferenceUpdate } from './reference.ts';
import type { World } from './world.ts';

interface SentUpdate extends Payload {
  sha256: string | null;
}

/** All that clients sent, so that what counts can be held against it. */
export class SentUpdates {
  readonly #world: World;
  /** By run and round, then by client. */
  readonly #sent = new Map<string, Map<string, SentUpdate[]>>();

  constructor(world: World) {
    this.#world = world;
  }

  note({ run, round, clientId, payload }: { run: string; round: number; clientId: string; payload: Payload }): void {
    const key = keyOf(run, round);
    const ofRound = this.#sent.get(key) ?? new Map<string, SentUpdate[]>();
    this.#sent.set(key, ofRound);
    const ofClient = ofRound.get(clientId) ?? [];
    ofRound.set(clientId, ofClient);
    if (!ofClient.some(({ bytes }) => bytes === payload.bytes)) ofClient.push({ ...payload, sha256: null });
  }

  /** Nobody will ask for this round any more. */
  forget(run: string, round: number): void {
    this.#sent.delete(keyOf(run, round));
  }

  find({ run, round, clientId, sha256 }: Acknowledged): SentUpdate | undefined {
    return this.#sent
      .get(keyOf(run, round))
      ?.get(clientId)
      ?.find((one) => {
        one.sha256 ??= createHash('sha256').update(one.bytes).digest('hex');
        return one.sha256 === sha256;
      });
  }

  /** What the contributions of a round were, as they were sent; null: one of them was not, which is a violation. */
  of({ run, round, contributions }: RoundRecord): ReferenceUpdate[] | null {
    const updates: ReferenceUpdate[] = [];
    for (const { round: begunIn, clientId, sha256, numExamples } of contributions) {
      const sent = this.find({ run, round: begunIn, clientId, sha256 });
      if (!sent?.isSound) {
        const sentence = `round ${round} counts an update of ${clientId} that ${sent ? 'is unsound' : 'it never sent'}`;
        this.#world.violate({ invariant: 'counted once', sentence });
        return null;
      }
      updates.push({ tensors: sent.tensors, numExamples, metrics: sent.metrics, staleness: round - begunIn });
    }
    return updates;
  }
}
