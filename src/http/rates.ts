import { randomInt } from 'node:crypto';
import { ChorusError } from '../domain/errors.ts';

/** A power of two. */
const setCount = 2 ** 14;
const placesPerSet = 8;
const placeCount = setCount * placesPerSet;
const windowMs = 60_000;
const nowhere = -1;

/**
 * Counts requests by key, in windows of a minute that begin with a key's first request. It knows 131,072 keys, each by 64
 * bits of a seeded hash, in 20 bytes, and allocates nothing to count. A key has eight places where it may be; when all are
 * taken, whoever's window is over makes room, or else whoever asked least: one that asks much is not forgotten for many
 * that ask little.
 */
export class Rates {
  readonly #now: () => number;
  /** Unknown to clients, so that none finds a key that is counted with another's. */
  readonly #seeds: readonly [number, number];
  /** Two words of hash a place; the second is not 0 where there is a key. */
  readonly #hashes = new Uint32Array(2 * placeCount);
  readonly #startedAtMs = new Float64Array(placeCount);
  readonly #requests = new Uint32Array(placeCount);
  /** Of the key that is looked at. */
  #first = 0;
  #second = 0;

  constructor(
    now: () => number = Date.now,
    seeds: readonly [number, number] = [randomInt(2 ** 32), randomInt(2 ** 32)],
  ) {
    this.#now = now;
    this.#seeds = seeds;
  }

  /** Whether one more request would be too many. */
  isExhausted(key: string, max: number): boolean {
    const place = this.#find(key);
    return place !== nowhere && (this.#requests[place] ?? 0) >= max && !this.#isOver(place, this.#now());
  }

  /** Counts a request. @throws RATE_LIMITED */
  count(key: string, max: number): void {
    const nowMs = this.#now();
    let place = this.#find(key);
    if (place === nowhere) place = this.#takePlace(nowMs);
    else if (this.#isOver(place, nowMs)) this.#begin(place, nowMs);
    const requests = (this.#requests[place] ?? 0) + 1;
    this.#requests[place] = requests;
    if (requests <= max) return;
    const retryAfterMs = (this.#startedAtMs[place] ?? 0) + windowMs - nowMs;
    throw new ChorusError('RATE_LIMITED', `More than ${max} requests in a minute`, { retryAfterMs });
  }

  #find(key: string): number {
    this.#hash(key);
    const from = this.#firstPlace();
    for (let place = from; place < from + placesPerSet; place += 1) {
      if (this.#hashes[2 * place] === this.#first && this.#hashes[2 * place + 1] === this.#second) return place;
    }
    return nowhere;
  }

  /** For the key that was not found. */
  #takePlace(nowMs: number): number {
    const from = this.#firstPlace();
    let taken = from;
    for (let place = from; place < from + placesPerSet; place += 1) {
      if (this.#weightOf(place, nowMs) < this.#weightOf(taken, nowMs)) taken = place;
    }
    this.#hashes[2 * taken] = this.#first;
    this.#hashes[2 * taken + 1] = this.#second;
    this.#begin(taken, nowMs);
    return taken;
  }

  /** How much would be lost if the place were another's. */
  #weightOf(place: number, nowMs: number): number {
    return this.#hashes[2 * place + 1] === 0 || this.#isOver(place, nowMs) ? 0 : (this.#requests[place] ?? 0);
  }

  #isOver(place: number, nowMs: number): boolean {
    return nowMs >= (this.#startedAtMs[place] ?? 0) + windowMs;
  }

  #begin(place: number, nowMs: number): void {
    this.#startedAtMs[place] = nowMs;
    this.#requests[place] = 0;
  }

  #firstPlace(): number {
    return (this.#first & (setCount - 1)) * placesPerSet;
  }

  /** FNV-1a twice, with other primes, and the last step of MurmurHash3, so that all bits depend on all characters. */
  #hash(key: string): void {
    let [first, second] = this.#seeds;
    for (let index = 0; index < key.length; index += 1) {
      const code = key.charCodeAt(index);
      first = Math.imul(first ^ code, 0x01000193);
      second = Math.imul(second ^ code, 0x85ebca6b);
    }
    this.#first = mixed(first);
    this.#second = mixed(second) || 1;
  }
}

function mixed(word: number): number {
  let bits = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
