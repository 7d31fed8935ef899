/**
 * Client ids are UUIDs of version 8 that carry the client's slot: 32 bits of slot, hidden under 32 bits of the tag,
 * then 90 bits of random tag. Like a generational handle, an id leads to its slot without a map, and the tag kept there
 * tells whether the slot still belongs to it.
 */
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

const hex8 = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');

/** @param tag three random 32-bit words, of which 90 bits are used. */
export function formatClientId(slot: number, tag: readonly [number, number, number]): string {
  const head = hex8(slot ^ tag[0]);
  const versioned = hex8((tag[1] & 0xffff0fff) | 0x00008000);
  const variant = hex8((tag[2] & 0x3fffffff) | 0x80000000);
  return `${head}-${versioned.slice(0, 4)}-${versioned.slice(4)}-${variant.slice(0, 4)}-${variant.slice(4)}${hex8(tag[0])}`;
}

/** @returns the slot an id claims, or null when it is no id of ours. The tag must still be checked. */
export function parseClientId(clientId: string): { slot: number } | null {
  if (!uuidPattern.test(clientId)) return null;
  const head = Number.parseInt(clientId.slice(0, 8), 16);
  const mask = Number.parseInt(clientId.slice(28), 16);
  return { slot: (head ^ mask) >>> 0 };
}
