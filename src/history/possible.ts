import type { Fact, Position } from '../domain/facts.ts';
import type { ModelView } from '../domain/model.ts';
import type { QuorumDecision } from '../domain/operations.ts';
import type { RoundKind } from '../domain/round.ts';
import type { Run } from '../domain/run.ts';
import type { ClientEventType } from '../machines/client.machine.ts';
import type { ClientStates } from './client-states.ts';
import type { RoundLedger } from './round-ledger.ts';

/** What decides whether a fact can have happened. */
export interface Known {
  readonly run: Run | null;
  readonly open: RoundLedger | null;
  readonly models: readonly ModelView[];
  readonly clients: Pick<ClientStates, 'stateOf' | 'canHold' | 'takes'>;
}

/** The event that a loss is to the client machine. */
export const lossOf = { left: 'leave', heartbeatTimeout: 'heartbeatTimedOut' } as const;

/**
 * Every rule that a fact can break, in one place: nothing is changed, so that it can be asked before the fact is written.
 * @returns in a sentence why the fact cannot have happened; null when it can.
 */
export function problemOf(fact: Fact, known: Known): string | null {
  switch (fact.type) {
    case 'server.started':
    case 'run.started':
    case 'operation':
    case 'checkpoint':
      return null;
    case 'client.registered':
      return noPlace(fact.clientId, known);
    case 'client.returned':
      return known.clients.stateOf(fact.clientId) === 'unknown'
        ? noPlace(fact.clientId, known)
        : refusal(fact.clientId, 'rendezvous', known);
    case 'client.lost':
      return refusal(fact.clientId, lossOf[fact.reason], known);
    case 'client.evicted':
      return refusal(fact.clientId, 'evict', known);
    case 'client.readmitted':
      return notOpen(known) ?? hasContributed(fact.clientId, known) ?? refusal(fact.clientId, 'readmit', known);
    case 'model.installed':
      return outOfOrder(fact.model.version, known);
    case 'position':
      return ofNoRun(fact.position, known);
    case 'round.opened':
      return known.open ? `Round ${fact.round} opens while another is open` : noRun(known);
    case 'clients.selected':
      return notOpen(known) ?? notSelectable(fact.clientIds, known);
    case 'training.started':
      return refusal(fact.clientId, 'startTraining', known) ?? notOpen(known);
    case 'update.accepted':
    case 'result.accepted':
      return refusal(fact.receipt.clientId, 'trainingEnded', known) ?? notOpen(known);
    case 'training.failed':
      return refusal(fact.clientId, 'trainingFailed', known) ?? notOpen(known);
    case 'quorum.lowered':
      return notOpen(known) ?? notLowered(fact.decision, known);
    case 'clients.dismissed':
      return notOpen(known);
    case 'round.committed':
      return outOfOrder(fact.model.version, known) ?? notEnded('committed', fact.record, known);
    case 'round.evaluated':
      return notEnded('evaluated', fact.record, known);
    case 'model.judged':
      return notDue(fact.version, 'server', known);
    case 'evaluation.missed':
      return notDue(fact.version, fact.by, known);
    case 'round.abandoned':
      return notEnded('abandoned', null, known);
  }
}

const noPlace = (clientId: string, { clients }: Known): string | null =>
  clients.canHold(clientId) ? null : `There is no place for a client ${clientId}`;

const refusal = (clientId: string, event: ClientEventType, { clients }: Known): string | null =>
  clients.takes(clientId, event) ? null : `Client ${clientId} is ${clients.stateOf(clientId)}: ${event} does not apply`;

const notOpen = ({ open }: Known): string | null => (open ? null : 'No round is open');

const noRun = ({ run }: Known): string | null => (run ? null : 'There is no run');

const hasContributed = (clientId: string, { open }: Known): string | null =>
  open?.hasContributionOf(clientId) ? `Client ${clientId} has contributed already` : null;

const ofNoRun = ({ round }: Position, known: Known): string | null => (round && known.open ? noRun(known) : null);

function notSelectable(clientIds: readonly string[], known: Known): string | null {
  if (new Set(clientIds).size < clientIds.length) return 'A client is selected twice';
  for (const clientId of clientIds) {
    const problem = refusal(clientId, 'select', known);
    if (problem !== null) return problem;
  }
  return null;
}

function notLowered({ from, to }: QuorumDecision, { open }: Known): string | null {
  const quorum = open?.record.quorum ?? 0;
  const isLower = from === quorum && to < quorum && to >= 1;
  return isLower ? null : `The quorum is ${quorum}: it is not lowered from ${from} to ${to}`;
}

function outOfOrder(version: number, { models }: Known): string | null {
  const last = models.at(-1)?.version ?? 0;
  return version === last + 1 ? null : `Model version ${version} follows version ${last}`;
}

/** @param told the record of a round of which nothing was told before. */
function notEnded(how: string, told: { kind?: RoundKind } | null, known: Known): string | null {
  const ended = told ?? known.open?.record;
  if (!ended) return `A round was ${how}, and none was open`;
  const version = ended.kind === 'evaluation' ? known.run?.evaluation?.version : undefined;
  return noRun(known) ?? noModel(version, known) ?? noBestModel(known);
}

function notDue(version: number, by: 'server' | 'clients', known: Known): string | null {
  const due = known.run?.evaluation;
  if (known.run && (due?.version !== version || due.by[0] !== by)) {
    return `Model version ${version} is not to be evaluated by ${by}`;
  }
  return noRun(known) ?? noModel(version, known) ?? noBestModel(known);
}

/** Another version may be the best now, and the one before must be there to be told. */
const noBestModel = (known: Known): string | null => noModel(known.run?.progress.best?.version, known);

const noModel = (version: number | undefined, { models }: Known): string | null =>
  version === undefined || models[version - 1] ? null : `There is no model version ${version}`;
