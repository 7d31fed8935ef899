import { constants } from 'node:os';

/** A signal that comes again so soon is the same one: a terminal sends it to `npm start` and to us, and npm hands it on. */
const sameSignalMs = 500;
/** What closing may take beyond its grace before it is given up, ms. */
const closeMsMax = 10_000;

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A signal; an error that nobody caught; or a disk that does not keep what it is given. */
export type EndCause = { signal: string } | { error: unknown } | { disk: unknown };

export interface Lifetime {
  /** The process, or what stands for it in a test. */
  process: Pick<NodeJS.Process, 'on' | 'off' | 'exit'>;
  now: () => number;
  /** Ends the work. Called once; bounded by `graceMs` and some more. */
  close: () => Promise<void>;
  /** How long `close` lets work under way go on, ms. */
  graceMs: number;
  /** Told what made it end. */
  onEnd: (cause: EndCause) => void;
  /** Told when closing failed or took too long. */
  onCloseFailed: (error: unknown) => void;
}

export interface WatchedLifetime {
  /** The disk cannot be trusted: ends as after an error that nobody caught. Once is enough. */
  diskFailed(error: unknown): void;
  /** Leaves the process alone again. */
  unwatch(): void;
}

/**
 * Ends the process in good order: the first signal closes and exits with 0, a second one exits at once with 128 and the
 * signal's number; an error that nobody caught, or a disk that fails, closes and exits with 1.
 */
export function watchLifetime({ process, now, close, graceMs, onEnd, onCloseFailed }: Lifetime): WatchedLifetime {
  let endingSinceMs: number | null = null;

  const end = (exitCode: number): void => {
    endingSinceMs = now();
    void withinBound(close(), graceMs + closeMsMax).then(
      () => process.exit(exitCode),
      (error: unknown) => {
        onCloseFailed(error);
        process.exit(1);
      },
    );
  };

  const onSignal = (signal: NodeJS.Signals): void => {
    if (endingSinceMs === null) {
      onEnd({ signal });
      end(0);
    } else if (now() - endingSinceMs >= sameSignalMs) process.exit(128 + constants.signals[signal]);
  };
  const onError = (error: unknown): void => {
    onEnd({ error });
    if (endingSinceMs === null) end(1);
  };
  let hasDiskFailed = false;

  for (const signal of stopSignals) process.on(signal, onSignal);
  process.on('uncaughtException', onError);
  process.on('unhandledRejection', onError);
  return {
    diskFailed(error) {
      if (hasDiskFailed) return;
      hasDiskFailed = true;
      onEnd({ disk: error });
      if (endingSinceMs === null) end(1);
    },
    unwatch() {
      for (const signal of stopSignals) process.off(signal, onSignal);
      process.off('uncaughtException', onError);
      process.off('unhandledRejection', onError);
    },
  };
}

async function withinBound(work: Promise<void>, msMax: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Closing took longer than ${msMax} ms and is given up`)), msMax);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
