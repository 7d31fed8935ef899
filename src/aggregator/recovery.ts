import type { Recovered } from '../domain/aggregation.ts';
import { ChorusError } from '../domain/errors.ts';
import type { Arenas } from './arenas.ts';
import type { Inspected } from './fold-task.ts';
import type { OpenRound } from './open-round.ts';
import { type StagedUpdates, systemCodeOf } from './staged-updates.ts';
import { type StagingBudget, StagingSlot } from './staging.ts';

/** Updates read back at once, as far as there is memory for them. */
const readsAtOnceMax = 4;

type Contribution = Recovered['contributions'][number];

export interface RecoveryDeps {
  updates: StagedUpdates;
  budget: StagingBudget;
  arenas: Arenas;
}

/**
 * Puts staged updates into the sum of a round that was open before, in the order in which they were accepted, so that it
 * has the same bits. Each is held against its receipt first. Memory is bounded as it is for uploads.
 * @throws STAGED_UPDATES_LOST, naming the first that is not what was accepted; STAGING_FULL; the round's end
 */
export async function readBack(
  round: OpenRound,
  contributions: readonly Contribution[],
  deps: RecoveryDeps,
): Promise<void> {
  const { budget, arenas } = deps;
  /** Each settles when its memory is free again. */
  const underWay: Promise<void>[] = [];
  let before: Promise<unknown> = Promise.resolve();
  try {
    for (const contribution of contributions) {
      const { bytes } = contribution.staged;
      const slot = new StagingSlot(budget, arenas, bytes, bytes, round.sum?.span);
      // Its memory comes from those before it: waiting as uploads do could take longer than they may.
      while (underWay.length >= readsAtOnceMax || (underWay.length > 0 && !slot.tryOpen())) await underWay.shift();
      await slot.open(round.signal);
      const added = addInTurn(round, contribution, slot, before, deps.updates);
      const freed = added.then(({ folded }) => folded).finally(() => slot.release());
      // Thrown where they are awaited, or not at all: each fails with the one before it.
      for (const settles of [added, freed]) settles.catch(() => undefined);
      underWay.push(freed);
      before = added;
      // The first one may define the schema that the others are held against.
      if (!round.sum) await added;
    }
    await Promise.all(underWay);
  } finally {
    await Promise.allSettled(underWay);
  }
}

/** @param before settles when the update before it is queued for the sum. */
async function addInTurn(
  round: OpenRound,
  contribution: Contribution,
  slot: StagingSlot,
  before: Promise<unknown>,
  updates: StagedUpdates,
): Promise<{ folded: Promise<void> }> {
  const { receipt, staged: place, weightFactor } = contribution;
  const update = await read(round, contribution, slot, updates);
  const known = { ...update, contribution: await round.contributionOf(slot.span, update) };
  await before;
  round.signal.throwIfAborted();
  return { folded: round.add({ clientId: receipt.clientId, span: slot.span, place }, known, weightFactor) };
}

/** @throws STAGED_UPDATES_LOST */
async function read(
  round: OpenRound,
  { receipt, staged }: Contribution,
  slot: StagingSlot,
  updates: StagedUpdates,
): Promise<Inspected> {
  const lost = (why: string, cause?: unknown) =>
    new ChorusError('STAGED_UPDATES_LOST', `The accepted update of client ${receipt.clientId} is lost: ${why}`, {
      cause,
    });
  try {
    await updates.read(staged, slot.rest(staged.bytes));
  } catch (error) {
    throw lost(`it cannot be read: ${systemCodeOf(error) ?? 'its bytes are not all there'}`, error);
  }
  slot.filled(staged.bytes);
  const allowZeroExamples = receipt.numExamples === 0;
  // Its norm was held against the bound when it came; summed up in other pieces, it might differ in the last bit.
  const { inspector } = round.inspect(slot.span, staged.bytes, allowZeroExamples, null);
  const update = await inspector.finish(staged.bytes);
  if (update.kind === 'refused') throw lost(`its bytes are damaged: ${update.detail}`);
  if (update.sha256 !== receipt.sha256) throw lost('its bytes are damaged: their SHA-256 is not that of its receipt');
  if (update.numExamples !== receipt.numExamples) throw lost('its num_examples is not that of its receipt');
  return update;
}
