/**
 * The one catalogue of refusals. Every refusal that leaves the process carries one of these codes; `docs/errors.md`
 * is generated from this table, and a code once published is never reused for something else.
 */
export const errorCatalogue = {
  REQUEST_INVALID: { status: 400, title: 'The request does not match its schema', remedy: 'See /docs for the schema.' },
  NOT_FOUND: { status: 404, title: 'No such resource', remedy: 'See /docs for the routes.' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'Method not allowed here', remedy: 'See the Allow header.' },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: 'Body has an unsupported content type',
    remedy: 'Send application/json, or the bytes of a safetensors file for models and updates.',
  },
  HOST_NOT_ALLOWED: {
    status: 421,
    title: 'The server does not answer under this host name',
    remedy: 'Call it by its address, or start it with --allowed-hosts NAME.',
  },
  ORIGIN_NOT_ALLOWED: {
    status: 403,
    title: 'Pages of this origin may not call the server',
    remedy: 'Start it with --cors-origins ORIGIN.',
  },
  RATE_LIMITED: { status: 429, title: 'Too many requests', remedy: 'Wait as long as Retry-After says.' },
  REQUEST_TIMEOUT: { status: 408, title: 'The request came in too slowly', remedy: 'Send it again.' },
  HEADERS_TOO_LARGE: { status: 431, title: 'Request headers are too large', remedy: 'Send fewer or shorter headers.' },
  SHUTTING_DOWN: { status: 503, title: 'The server is shutting down', remedy: 'Come back after Retry-After.' },
  STORAGE_UNAVAILABLE: {
    status: 503,
    title: 'The server cannot write to its data folder',
    remedy: 'Come back after Retry-After; the operator must see to the disk.',
  },
  INTERNAL: { status: 500, title: 'Internal error', remedy: 'The server log has the cause.' },

  CLIENT_UNKNOWN: { status: 404, title: 'No client has this id', remedy: 'Register again with POST /v1/clients.' },
  CLIENT_TOKEN_INVALID: {
    status: 401,
    title: 'Client token missing or wrong',
    remedy: 'Send Authorization: Bearer with the clientToken of your registration.',
  },
  ADMIN_TOKEN_INVALID: {
    status: 401,
    title: 'Admin token missing or wrong',
    remedy: 'Send Authorization: Bearer with the admin token; the server keeps it in its data folder.',
  },
  CLIENT_NOT_SELECTED: {
    status: 409,
    title: 'The client is not selected for the open round',
    remedy: 'Keep sending heartbeats until one says "selected".',
  },
  REGISTRY_FULL: { status: 503, title: 'The client registry is full', remedy: 'Raise --clients-max, or try later.' },

  RUN_ACTIVE: { status: 409, title: 'A run is going on', remedy: 'Stop it first, or wait until it is finished.' },
  RUN_UNKNOWN: { status: 404, title: 'No such run', remedy: 'GET /v1/status names the current run.' },
  RUN_STATE: { status: 409, title: 'The run is in no state for this', remedy: 'GET /v1/status says in which it is.' },
  OPERATION_INAPPLICABLE: {
    status: 409,
    title: 'The operation does not apply now',
    remedy: 'The detail says why; GET /v1/status says what the run is doing.',
  },
  PLAN_INVALID: { status: 400, title: 'The plan is invalid', remedy: 'The detail names the setting and the fix.' },
  ROUND_UNKNOWN: { status: 404, title: 'No such round', remedy: 'GET /v1/rounds lists them.' },
  MOMENT_UNKNOWN: {
    status: 404,
    title: 'This moment is not kept',
    remedy: 'GET /v1/history tells which are; "chorus replay" reads the whole history of a data folder.',
  },
  MODEL_UNKNOWN: { status: 404, title: 'No such model version', remedy: 'GET /v1/models lists them.' },
  MODEL_NOT_ACCEPTED: {
    status: 409,
    title: 'An initial model cannot be installed any more',
    remedy: 'Install it before the first round of the run commits.',
  },
  RANGE_NOT_SATISFIABLE: { status: 416, title: 'Range outside the model', remedy: 'Ask within its Content-Length.' },

  TRAINING_TOKEN_INVALID: {
    status: 401,
    title: 'Training token missing or wrong',
    remedy: 'Send Authorization: Bearer with the trainingToken of this round.',
  },
  TRAINING_TOKEN_MISMATCH: {
    status: 403,
    title: 'The training token is for another client or round',
    remedy: 'Use the token with the client and the round it was given for.',
  },
  DOWNLOADS_EXHAUSTED: {
    status: 429,
    title: 'The token has used up its downloads',
    remedy: 'Keep the model you have; a new round brings a new token.',
  },
  UPLOAD_IN_PROGRESS: {
    status: 409,
    title: 'Too many uploads of this client at once',
    remedy: 'Wait until the earlier upload is answered.',
  },
  UPLOAD_ATTEMPTS_EXHAUSTED: {
    status: 403,
    title: 'The client has used up its upload attempts for this round',
    remedy: 'Wait for the next round and mend the update.',
  },
  UPDATE_CONFLICT: {
    status: 409,
    title: 'Another update of this client was accepted already',
    remedy: 'One update a round counts; the first stays.',
  },
  UPDATE_DISCARDED: {
    status: 410,
    title: 'The update is not needed any more',
    remedy: 'The round is closed, or the client left it; wait for the next.',
  },
  EVALUATION_DISCARDED: {
    status: 410,
    title: 'The evaluation is not needed any more',
    remedy: 'It is over, or the client left it; wait for the next.',
  },
  EVALUATION_CONFLICT: {
    status: 409,
    title: 'Another result of this client was accepted already',
    remedy: 'One result an evaluation counts; the first stays.',
  },
  TASK_MISMATCH: {
    status: 409,
    title: 'The client was asked to evaluate, not to train',
    remedy: 'Send what was measured to POST /v1/clients/:clientId/evaluation.',
  },
  PAYLOAD_TOO_LARGE: { status: 413, title: 'The body is too large', remedy: 'See --payload-bytes-max.' },
  PAYLOAD_TRUNCATED: { status: 400, title: 'The body ended early', remedy: 'Send it whole.' },
  MALFORMED_SAFETENSORS: { status: 422, title: 'Not a valid safetensors file', remedy: 'The detail says what is off.' },
  MALFORMED_NPY: {
    status: 422,
    title: 'Not a .npy file of float32 or float64 in C order',
    remedy: 'The detail says what is off; numpy.save of a C-ordered float array writes a right one.',
  },
  DTYPE_UNSUPPORTED: { status: 422, title: 'Tensor dtype is not supported', remedy: 'Use F64, F32, F16 or BF16.' },
  MODEL_MISMATCH: {
    status: 422,
    title: 'The tensors do not match the model of the run',
    remedy: 'Send the same names, shapes and dtypes as the global model.',
  },
  NOT_FINITE: { status: 422, title: 'The update holds NaN or infinity', remedy: 'Lower the learning rate.' },
  NORM_TOO_LARGE: {
    status: 422,
    title: 'The update is larger than the plan allows',
    remedy: 'Lower the learning rate, or raise the plan’s updateNormMax.',
  },
  NUM_EXAMPLES_INVALID: {
    status: 422,
    title: 'num_examples is missing or out of range',
    remedy: 'Give a decimal integer from 1 to the plan’s numExamplesMax in __metadata__.',
  },
  METRICS_INVALID: {
    status: 422,
    title: 'metrics is not a JSON object of finite numbers',
    remedy: 'Give at most 64 names with finite numbers, or leave metrics out.',
  },
  STAGING_FULL: { status: 503, title: 'No staging memory is free', remedy: 'Send the update again after Retry-After.' },
  STAGED_UPDATES_LOST: {
    status: 503,
    title: 'Accepted updates cannot be read back from the disk',
    remedy: 'Nothing to do: the round is tried again.',
  },
  STRATEGY_FAILED: {
    status: 500,
    title: 'A strategy of one’s own made no model',
    remedy: 'The detail says what is wrong with it; mend the module and start the server again.',
  },
  AGGREGATOR_UNAVAILABLE: {
    status: 503,
    title: 'The aggregator is restarting',
    remedy: 'Come back after Retry-After.',
  },
} as const satisfies Record<string, { status: number; title: string; remedy: string }>;

/** A stable, documented reason for a refusal. */
export type ErrorCode = keyof typeof errorCatalogue;

/** A typed refusal. Thrown at the edges (handle, codec, HTTP), carried as data between threads and inside actors. */
export class ChorusError extends Error {
  override readonly name = 'ChorusError';
  readonly code: ErrorCode;
  /** When to come back, in ms, for refusals that pass with time. */
  readonly retryAfterMs: number | undefined;

  /** @param detail one sentence that names the offender; the catalogue's title when left out. */
  constructor(code: ErrorCode, detail?: string, options: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(detail ?? errorCatalogue[code].title, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** A refusal as plain data, for places where an error's class and code would be lost (threads, events). */
export interface Refusal {
  kind: 'refused';
  code: ErrorCode;
  detail: string;
  retryAfterMs?: number;
}

/** @returns the refusal as data; anything unexpected becomes `INTERNAL` without its message. */
export function toRefusal(error: unknown): Refusal {
  if (!(error instanceof ChorusError))
    return { kind: 'refused', code: 'INTERNAL', detail: errorCatalogue.INTERNAL.title };
  const refusal: Refusal = { kind: 'refused', code: error.code, detail: error.message };
  if (error.retryAfterMs !== undefined) refusal.retryAfterMs = error.retryAfterMs;
  return refusal;
}

/** The inverse of {@link toRefusal}. */
export function fromRefusal(refusal: Refusal): ChorusError {
  return new ChorusError(
    refusal.code,
    refusal.detail,
    refusal.retryAfterMs === undefined ? {} : { retryAfterMs: refusal.retryAfterMs },
  );
}
