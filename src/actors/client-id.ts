/**
 * Client ids are UUIDs of version 8 that carry the client's slot: 32 bits of slot, hidden under 32 bits of the tag,
 * then 90 bits of random tag. Like a generational handle, an id leads to its slot without a map, and the tag kept there
 * tells whether the slot still belongs to it.
 */
export type ClientTag = readonly [number, number, number];

const hex8 = (word: number): string => (word >>> 0).toString(16).padStart(8, '0');
/** Version 8 in the second word, the variant in the third. */
const versioned = (word: number): number => (word & 0xffff0fff) | 0x00008000;
const variant = (word: number): number => (word & 0x3fffffff) | 0x80000000;

/** @param tag three random 32-bit words, of which 90 bits are used. */
export function formatClientId(slot: number, tag: ClientTag): string {
  const second = hex8(versioned(tag[1]));
  const third = hex8(variant(tag[2]));
  return `${hex8(slot ^ tag[0])}-${second.slice(0, 4)}-${second.slice(4)}-${third.slice(0, 4)}-${third.slice(4)}${hex8(tag[0])}`;
}

/** The value of a hexadecimal digit by its character code, −1 for all others. */
const digitOf = new Int8Array(128).fill(-1);
for (let value = 0; value < 16; value += 1) {
  digitOf[value.toString(16).charCodeAt(0)] = value;
  digitOf[value.toString(16).toUpperCase().charCodeAt(0)] = value;
}
const hyphen = 45;
const idLength = 36;

/** What an id says of itself; one object for all, since ids are read one after another, very often. */
const parsed = { slot: 0, first: 0, second: 0, third: 0 };

export type ParsedId = Readonly<typeof parsed>;

/**
 * Reads an id without making a string or an object: it is done with each heartbeat.
 * @returns the slot it claims and its tag, valid until the next call; null when it is no id of ours.
 */
export function parseClientId(clientId: string): ParsedId | null {
  if (clientId.length !== idLength) return null;
  let head = 0;
  let second = 0;
  let third = 0;
  let mask = 0;
  let digits = 0;
  for (let index = 0; index < idLength; index += 1) {
    const code = clientId.charCodeAt(index);
    if (index === 8 || index === 13 || index === 18 || index === 23) {
      if (code !== hyphen) return null;
      continue;
    }
    const digit = code < 128 ? (digitOf[code] ?? -1) : -1;
    if (digit === -1) return null;
    if (digits < 8) head = (head << 4) | digit;
    else if (digits < 16) second = (second << 4) | digit;
    else if (digits < 24) third = (third << 4) | digit;
    else mask = (mask << 4) | digit;
    digits += 1;
  }
  parsed.slot = (head ^ mask) >>> 0;
  parsed.first = mask >>> 0;
  parsed.second = second >>> 0;
  parsed.third = third >>> 0;
  return parsed;
}

/** Whether the tag kept at a slot is the one the id carries. */
export const carriesTag = ({ first, second, third }: ParsedId, a: number, b: number, c: number): boolean =>
  first === a && second === versioned(b) >>> 0 && third === variant(c) >>> 0;
