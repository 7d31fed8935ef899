import { readStream, type StreamMessage } from './event-stream.ts';

export type Link = 'connecting' | 'live' | 'lost' | 'asleep';

const retryMsMin = 500;
const retryMsMax = 8_000;

export interface FollowOptions {
  path: string;
  take: (message: StreamMessage) => void;
  /** Told of each change. */
  onLink: (link: Link) => void;
}

/**
 * Follows a stream for as long as the page is looked at: in a hidden tab it is closed, and resumed where it was when
 * the tab is shown. A broken one is tried again, less and less often. @returns a function that ends it.
 */
export function follow({ path, take, onLink }: FollowOptions): () => void {
  let lastEventId = '';
  let failures = 0;
  let current: AbortController | null = null;
  let timer = 0;
  let isOver = false;

  const connect = (): void => {
    const aborter = new AbortController();
    current = aborter;
    onLink('connecting');
    const listen = (message: StreamMessage): void => {
      if (aborter.signal.aborted) return;
      failures = 0;
      if (message.id !== '') lastEventId = message.id;
      take(message);
      onLink('live');
    };
    void readStream(path, lastEventId, aborter.signal, listen)
      .catch(() => undefined)
      .then(() => {
        if (aborter.signal.aborted || isOver) return;
        onLink('lost');
        failures += 1;
        timer = window.setTimeout(connect, Math.min(retryMsMax, retryMsMin * 2 ** (failures - 1)));
      });
  };
  const sleep = (): void => {
    clearTimeout(timer);
    current?.abort();
    current = null;
  };
  const onVisibility = (): void => {
    sleep();
    if (document.hidden) onLink('asleep');
    else connect();
  };

  document.addEventListener('visibilitychange', onVisibility);
  if (document.hidden) onLink('asleep');
  else connect();
  return () => {
    isOver = true;
    sleep();
    document.removeEventListener('visibilitychange', onVisibility);
  };
}
