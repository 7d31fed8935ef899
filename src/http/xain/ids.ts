import { ChorusError } from '../../domain/errors.ts';

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** @returns the UUID as the server writes it. @throws NOT_FOUND: a path with anything else leads nowhere. */
export function uuidOf(text: string): string {
  if (!uuidPattern.test(text)) throw new ChorusError('NOT_FOUND', `${JSON.stringify(text.slice(0, 64))} is no UUID`);
  return text.toLowerCase();
}
