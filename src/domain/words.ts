/** A count with its noun: `1 client`, `2 clients`. */
export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** A length of time in seconds, `2.5 s`. @param ms of any length */
export const inSeconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`;

/** Time of day, `08:36:59 UTC`. @param atMs Unix ms */
export const clockTime = (atMs: number): string => `${new Date(atMs).toISOString().slice(11, 19)} UTC`;

/** An id as it stands in a sentence: its first eight digits. */
export const shortId = (id: string): string => `${id.slice(0, 8)}…`;

/** What a thrown value says of itself, also one that is no error. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
