/** What happened in this process, counted for Prometheus: a total only ever rises. */
export interface Totals {
  heartbeats: number;
  registrations: number;
  expired: number;
  roundsCommitted: number;
  roundsAbandoned: number;
  evaluations: { done: number; failed: number };
  updates: { accepted: number; discarded: number; refused: number };
}

export const newTotals = (): Totals => ({
  heartbeats: 0,
  registrations: 0,
  expired: 0,
  roundsCommitted: 0,
  roundsAbandoned: 0,
  evaluations: { done: 0, failed: 0 },
  updates: { accepted: 0, discarded: 0, refused: 0 },
});
