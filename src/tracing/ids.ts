import { createHash } from 'node:crypto';
import type { RoundRecord } from '../domain/handle.ts';

/** What a trace is of: one round of one run, with all its attempts. */
export type RoundName = Pick<RoundRecord, 'run' | 'round'>;
export type AttemptName = RoundName & Pick<RoundRecord, 'kind' | 'attempt'>;

const traceIdBytes = 16;
const spanIdBytes = 8;

const digestOf = (bytes: number, parts: readonly (string | number)[]): string =>
  createHash('sha256')
    .update(parts.join(' '))
    .digest('hex')
    .slice(0, 2 * bytes);

/** Ids are made from names, so that a server that was started again goes on with the same trace, and nothing is kept. */
export const traceIdOf = ({ run, round }: RoundName): string => digestOf(traceIdBytes, ['trace', run, round]);

export const roundSpanId = ({ run, round }: RoundName): string => digestOf(spanIdBytes, ['span', run, round]);

/** @param path of a span within the attempt; none: the attempt itself. */
export const attemptSpanId = ({ run, round, kind, attempt }: AttemptName, ...path: readonly string[]): string =>
  digestOf(spanIdBytes, ['span', run, round, kind, attempt, ...path]);

/** W3C Trace Context for a client's work in an attempt: what it does belongs below its span. */
export const traceparentOf = (attempt: AttemptName, clientId: string): string =>
  `00-${traceIdOf(attempt)}-${attemptSpanId(attempt, clientId)}-01`;
