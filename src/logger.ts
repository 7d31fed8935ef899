import { type Logger, pino } from 'pino';
import type { LogSettings } from './domain/http.ts';

/** Headers that carry a secret: never logged, whatever a log line is made of. */
const secrets = [
  'req.headers.authorization',
  'headers.authorization',
  '*.trainingToken',
  '*.clientToken',
  '*.adminToken',
];

/** Logs go to standard error, so that is where colours must be welcome. */
const isColourful = (): boolean => process.stderr.isTTY === true && !process.env.NO_COLOR;

/**
 * Structured logs to standard error, one JSON object a line, or lines for people. Standard output stays free for what a
 * command answers. Each thread makes its own.
 */
export async function createLogger({ level, pretty: isPretty }: LogSettings, name: string): Promise<Logger> {
  const options = { name, level, redact: { paths: secrets, censor: '[secret]' } };
  if (!isPretty) return pino(options, pino.destination({ fd: 2, sync: true }));
  const { default: pretty } = await import('pino-pretty');
  return pino(
    options,
    pretty({
      destination: 2,
      sync: true,
      colorize: isColourful(),
      ignore: 'pid,hostname',
      translateTime: 'SYS:HH:MM:ss',
    }),
  );
}
