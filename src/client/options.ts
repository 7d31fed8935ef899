import type { ClientProfile } from '../domain/client.ts';
import { type Clock, systemClock } from '../domain/clock.ts';
import { defaultRetryBounds, type RetryBounds } from './backoff.ts';
import type { ChorusClientOptions } from './chorus-client.ts';
import type { ProgressListener } from './progress.ts';
import type { EvaluateModel, Train } from './task.ts';

export interface ParticipateOptions
  extends Omit<ClientProfile, 'evaluates'>,
    Pick<ChorusClientOptions, 'url' | 'fetch' | 'clock' | 'callMsMax' | 'transferMsMax'> {
  train: Train;
  /** Given, the client may be asked to evaluate models as well. @default it is not */
  evaluate?: EvaluateModel;
  /** Told what happens. What it throws is ignored. */
  onProgress?: ProgressListener;
  /** Tells the client to leave. */
  signal?: AbortSignal;
  /** true: until the run is finished or stopped. false: for this and further runs, until `signal` is aborted. @default true */
  untilFinished?: boolean;
  /** How long the server is asked to hold a heartbeat while there is no news, seconds, 0 to 120; 0 polls. @default 20 */
  waitSeconds?: number;
  /** Bounds on trying a call again. What is left out takes its default, see {@link RetryBounds}. */
  retry?: Partial<RetryBounds>;
  /** Rounds in a row that `train` may fail in, or that may be missed, before the client gives up; from 1. @default 5 */
  failedRoundsMax?: number;
  /** Uniform in [0, 1): spreads retries. @default Math.random */
  random?: () => number;
}

const waitSecondsMax = 120;

export interface ParticipateSettings {
  clock: Clock;
  random: () => number;
  bounds: RetryBounds;
  untilFinished: boolean;
  waitSeconds: number;
  failedRoundsMax: number;
}

/** Fills in defaults. @throws {TypeError} `train` or `evaluate` is no function. @throws {RangeError} a number is out of its bounds. */
export function readOptions(options: ParticipateOptions): ParticipateSettings {
  const {
    clock = systemClock,
    random = Math.random,
    untilFinished = true,
    waitSeconds = 20,
    failedRoundsMax = 5,
  } = options;
  const bounds = { ...defaultRetryBounds, ...options.retry };
  if (typeof options.train !== 'function') throw new TypeError('train is no function');
  if (options.evaluate !== undefined && typeof options.evaluate !== 'function')
    throw new TypeError('evaluate is no function');
  const mustBe = (name: string, value: number, min: number, max = Number.POSITIVE_INFINITY) => {
    if (!(value >= min && value <= max))
      throw new RangeError(`${name} is ${value}; give a number from ${min} to ${max}`);
  };
  mustBe('waitSeconds', waitSeconds, 0, waitSecondsMax);
  mustBe('failedRoundsMax', failedRoundsMax, 1);
  mustBe('retry.delayMsBase', bounds.delayMsBase, 1);
  mustBe('retry.delayMsMax', bounds.delayMsMax, 1);
  mustBe('retry.attemptsMax', bounds.attemptsMax, 1);
  mustBe('retry.elapsedMsMax', bounds.elapsedMsMax, 0);
  return { clock, random, bounds, untilFinished, waitSeconds, failedRoundsMax };
}
