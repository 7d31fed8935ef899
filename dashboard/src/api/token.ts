import { signal } from '@preact/signals';

const key = 'chorus.adminToken';

/** The operator's token. Kept for as long as the tab lives, and sent to this server only. */
export const adminToken = signal(read());

function read(): string {
  try {
    return sessionStorage.getItem(key) ?? '';
  } catch {
    // Storage is switched off: the token lives in memory alone.
    return '';
  }
}

export function keepToken(token: string): void {
  adminToken.value = token;
  try {
    if (token === '') sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, token);
  } catch {
    // As above.
  }
}
