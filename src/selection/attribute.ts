import type { ClientProfile } from '../domain/client.ts';

export type AttributeValue = string | number | boolean | null;

/** @returns what the client gave under this name; null when it gave nothing. */
export function attributeOf({ attributes }: ClientProfile, name: string): AttributeValue {
  return attributes !== undefined && Object.hasOwn(attributes, name) ? (attributes[name] ?? null) : null;
}
