import type { ClientProfile } from '../domain/client.ts';
import type { AttributeValue } from '../domain/selection-reason.ts';
import { attributeOf } from './attribute.ts';

/** A condition on what clients tell of themselves. */
export interface ClientFilter {
  /** As it was written. */
  readonly text: string;
  /** What it reads, e.g. `attributes.region` or `name`. */
  readonly reads: readonly string[];
  /** Whether the client may be selected; a comparison that makes no sense is false. Pure, and never throws. */
  test(profile: ClientProfile): boolean;
}

const prefix = 'attributes.';

/** @returns what a filter reads, as the client gave it; null for what it did not give. */
export function valuesRead({ reads }: ClientFilter, profile: ClientProfile): Record<string, AttributeValue> {
  const read = (path: string) =>
    path.startsWith(prefix) ? attributeOf(profile, path.slice(prefix.length)) : (profile.name ?? null);
  return Object.fromEntries(reads.map((path) => [path, read(path)]));
}
