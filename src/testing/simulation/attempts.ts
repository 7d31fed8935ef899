import type { Receipt, RoundRecord } from '../../domain/handle.ts';

/** Where the protocol stands. */
export interface Progress {
  readonly run: string;
  readonly round: number;
  readonly attempt: number;
}

/** An update whose client was told that it counts. */
export interface Acknowledged {
  readonly run: string;
  /** The round its client began in. */
  readonly round: number;
  readonly clientId: string;
  readonly sha256: string;
}

export const keyOf = (run: string, round: number): string => `${run} ${round}`;
/** An evaluation of a round's model has attempts too, numbered on from those of the round. */
export const attemptOf = ({ run, round, attempt }: Progress): string => `${keyOf(run, round)} ${attempt}`;
export const nameOf = ({ run, round, clientId, sha256 }: Acknowledged): string =>
  `${keyOf(run, round)} ${clientId} ${sha256}`;

export const isLater = (a: Progress, b: Progress): boolean =>
  a.run !== b.run || a.round > b.round || (a.round === b.round && a.attempt > b.attempt);

/** Whether a round counts this update. */
export const holds = (
  { contributions }: RoundRecord,
  { round, clientId, sha256 }: Pick<Receipt, 'round' | 'clientId' | 'sha256'>,
): boolean => contributions.some((one) => one.clientId === clientId && one.round === round && one.sha256 === sha256);
