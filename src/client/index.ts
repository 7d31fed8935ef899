/**
 * What a client of a Chorus server is written against. Needs nothing but the platform: `fetch`, timers and abort
 * signals; so it runs in Node, in browsers and in workers, bundled or not.
 */
export type { ClientProfile } from '../domain/client.ts';
export type { Clock } from '../domain/clock.ts';
export { ChorusError, type ErrorCode } from '../domain/errors.ts';
export type {
  ClientStanding,
  Heartbeat,
  Receipt,
  Registration,
  Status,
  TrainingTicket,
  WaitingFor,
} from '../domain/handle.ts';
export type { Dtype, Tensor, Tensors } from '../domain/model.ts';
export { decodeSafetensors, encodeSafetensors } from '../wire/safetensors.ts';
export { defaultRetryBounds, type RetryBounds } from './backoff.ts';
export {
  type CallOptions,
  ChorusClient,
  type ChorusClientOptions,
  type ClientIdentity,
  type ClientTicket,
  type DownloadedModel,
} from './chorus-client.ts';
export {
  ChorusHttpError,
  ChorusNetworkError,
  type HttpErrorCode,
  type NetworkFailure,
  ServerUnavailableError,
  TrainingFailedError,
} from './errors.ts';
export type { Fetch } from './http-calls.ts';
export type { ParticipateOptions } from './options.ts';
export { type Participation, participate } from './participate.ts';
export type { ProgressEvent, ProgressListener } from './progress.ts';
export { proximalGradient } from './proximal-gradient.ts';
export { RoundOver } from './round-watch.ts';
export { VerdictMissed } from './round-work.ts';
export type { RoundCounts } from './rounds.ts';
export type { EvaluateModel, EvaluationTask, Measured, Train, TrainingTask } from './task.ts';
export { encodeUpdate, type TrainingResult, tensor } from './tensors.ts';
