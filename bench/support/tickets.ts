import { requestHead } from './connection.ts';
import type { Program } from './program.ts';

/** What a client that is in training holds. */
export interface Ticket {
  clientId: string;
  round: number;
  trainingToken: string;
}

export interface Ports {
  coordinator: number;
  aggregator: number;
}

export const uploadHead = ({ clientId, round, trainingToken }: Ticket, bytes: number): string =>
  requestHead('PUT', `/v1/rounds/${round}/updates/${clientId}`, trainingToken, [`Content-Length: ${bytes}`]);

export interface Transferred {
  /** On the shared clock, ms. */
  startedAt: number;
  ms: number;
}

/** A round of a server all of whose clients upload the body that the load holds, all at once. */
export async function uploadRound(server: Program, load: Program, bytes: number) {
  const { aggregator: port } = await server.ask<Ports>('ports');
  const tickets = await server.ask<Ticket[]>('startRound');
  const cpuBefore = await server.ask<number>('cpu');
  const heads = tickets.map((ticket) => uploadHead(ticket, bytes));
  const { startedAt, ms } = await load.ask<Transferred>('upload', { port, heads });
  const committedAt = await server.ask<number>('committed', { count: tickets[0]?.round ?? 0 });
  const cpuMs = (await server.ask<number>('cpu')) - cpuBefore;
  return { ms, untilCommitMs: committedAt - startedAt, cpuMs };
}

/** A plan for rounds that end when all have uploaded, and otherwise never. */
export const patientPlan = {
  rounds: 1_000_000,
  heartbeatTimeoutMs: 86_400_000,
  selectionWindowMs: 86_400_000,
  trainingWindowMs: 86_400_000,
};
