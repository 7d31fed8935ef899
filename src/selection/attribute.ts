import type { ClientProfile } from '../domain/client.ts';
import type { AttributeValue } from '../domain/selection-reason.ts';

/** @returns what the client gave under this name; null when it gave nothing. */
export function attributeOf({ attributes }: ClientProfile, name: string): AttributeValue {
  return attributes !== undefined && Object.hasOwn(attributes, name) ? (attributes[name] ?? null) : null;
}
