import { InvalidArgumentError } from 'commander';

/** Rounds, or clients, listed at once. */
export const listedMax = 1_000;
const clientPattern = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

export function readLimit(text: string): number {
  const limit = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (limit >= 1 && limit <= listedMax) return limit;
  throw new InvalidArgumentError(`Give a whole number from 1 to ${listedMax}.`);
}

export function readClient(text: string): string {
  if (clientPattern.test(text)) return text;
  throw new InvalidArgumentError('Give the whole id of a client, as "chorus clients" lists it.');
}
