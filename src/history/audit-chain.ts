import { createHash } from 'node:crypto';
import type { AuditEntry, AuditLog } from '../domain/operations.ts';

/** What the first entry follows. */
const beforeFirst = '0'.repeat(64);

/** Entries kept for reading; the chain goes on from the last. */
const entriesKeptMax = 1_000;

const hashOf = ({ hash: _, ...entry }: AuditEntry): string => {
  const { seq, atMs, operation, params, by, from, sentence, previousHash } = entry;
  const sorted = Object.entries(params).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([previousHash, seq, atMs, operation, sorted, by, from, sentence]))
    .digest('hex');
};

/** What operators did. Entries are kept as they were written, also when they do not fit: that is what `isIntact` says. */
export class AuditChain {
  /** Oldest first; the oldest of many are not kept. */
  readonly entries: AuditEntry[] = [];

  /** The entry that would be the next. */
  next(entry: Omit<AuditEntry, 'seq' | 'hash' | 'previousHash'>): AuditEntry {
    const last = this.entries.at(-1);
    const whole = { ...entry, seq: (last?.seq ?? 0) + 1, previousHash: last?.hash ?? beforeFirst, hash: '' };
    return { ...whole, hash: hashOf(whole) };
  }

  add(entry: AuditEntry): void {
    this.entries.push(entry);
    if (this.entries.length > entriesKeptMax) this.entries.shift();
  }

  /** @returns in a sentence what is wrong with an entry that is to be the next, or null. */
  problemOf(entry: AuditEntry): string | null {
    return problemAfter(this.entries.at(-1) ?? null, entry);
  }

  log(limit: number): AuditLog {
    const isIntact = this.entries.every((entry, index) => {
      const before = this.entries[index - 1];
      // What came before the oldest that is kept is not known.
      return before || entry.seq === 1 ? problemAfter(before ?? null, entry) === null : entry.hash === hashOf(entry);
    });
    return { entries: this.entries.slice(-limit).reverse(), isIntact };
  }
}

function problemAfter(before: AuditEntry | null, entry: AuditEntry): string | null {
  const due = (before?.seq ?? 0) + 1;
  if (entry.seq !== due) return `entry ${entry.seq} of the audit log stands in the place of ${due}`;
  if (entry.previousHash !== (before?.hash ?? beforeFirst)) {
    return `entry ${entry.seq} of the audit log does not follow the one before it`;
  }
  if (entry.hash !== hashOf(entry)) return `entry ${entry.seq} of the audit log is not what was written`;
  return null;
}
