import type { RandomStream } from '../domain/random.ts';
import { type ClientTag, carriesTag, type ParsedId } from './client-id.ts';

const words = 3;

/** The random tag of each slot's client: an id that carries another is of an earlier one. 12 bytes a slot. */
export class ClientTags {
  #tags = new Uint32Array(0);

  grow(capacity: number): void {
    const tags = new Uint32Array(capacity * words);
    tags.set(this.#tags);
    this.#tags = tags;
  }

  /** The slot has a new client. */
  mint(slot: number, random: RandomStream): void {
    for (let word = 0; word < words; word += 1) this.#tags[slot * words + word] = random.uint32();
  }

  /** The slot has the client of this id. */
  restore({ slot, first, second, third }: ParsedId): void {
    this.#tags.set([first, second, third], slot * words);
  }

  of(slot: number): ClientTag {
    const at = slot * words;
    return [this.#tags[at] ?? 0, this.#tags[at + 1] ?? 0, this.#tags[at + 2] ?? 0];
  }

  /** Whether the id is that of its slot's client. */
  match(id: ParsedId): boolean {
    const at = id.slot * words;
    return carriesTag(id, this.#tags[at] ?? 0, this.#tags[at + 1] ?? 0, this.#tags[at + 2] ?? 0);
  }
}
