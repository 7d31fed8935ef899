/**
 * Writes `docs/errors.md` from the catalogue of refusals: `npm run docs:errors`. With `--check` nothing is written, and
 * the exit code is 1 when the file is stale.
 */

import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, errorCatalogue } from '../src/domain/errors.ts';
import { defaultHttpLimits } from '../src/domain/http.ts';

const file = new URL('../docs/errors.md', import.meta.url);
const codes = Object.keys(errorCatalogue) as ErrorCode[];

const number = (value: number): string => value.toLocaleString('en');
const seconds = (ms: number): string => `${number(ms / 1_000)} s`;

const {
  jsonBytesMax,
  headerBytesMax,
  headersMsMax,
  requestMsMax,
  uploadIdleMsMax,
  uploadBytesPerSecondMin,
  eventStreamsMax,
  requestsPerClientMax,
  requestsPerAddressMax,
} = defaultHttpLimits;

/** When each refusal occurs. A code without a sentence does not compile. */
const occasions: Record<ErrorCode, string> = {
  REQUEST_INVALID:
    'A body, path, query or header does not match its schema, the JSON is malformed, or the request is no proper HTTP, e.g. names no host.',
  NOT_FOUND: 'The path leads nowhere.',
  METHOD_NOT_ALLOWED: 'The path is known, but not with this method.',
  UNSUPPORTED_MEDIA_TYPE:
    'A JSON route is sent something else, or an upload comes with a `Content-Encoding`: float weights do not compress, so none is taken.',
  HOST_NOT_ALLOWED:
    'The `Host` header is neither an address, nor `localhost`, nor an allowed name. Checked when the server is reached over loopback, and always when it was told its names. It keeps out pages that point their own host name at the server.',
  ORIGIN_NOT_ALLOWED: 'The request carries the `Origin` of a page that is neither the server’s own nor an allowed one.',
  RATE_LIMITED: `More than ${number(requestsPerClientMax)} requests a minute of one client, more than ${number(requestsPerAddressMax)} a minute from one address, or more than ${number(eventStreamsMax)} event streams at once. The numbers are the defaults of \`HttpLimits\`.`,
  REQUEST_TIMEOUT: `Headers take longer than ${seconds(headersMsMax)}, or a whole request to the coordinator longer than ${seconds(requestMsMax)}; or the body of an upload brings nothing for ${seconds(uploadIdleMsMax)}, or after that time less than ${number(uploadBytesPerSecondMin)} bytes a second on average. A refused upload of this kind does not count as an attempt.`,
  HEADERS_TOO_LARGE: `All headers together are larger than ${number(headerBytesMax)} bytes.`,
  SHUTTING_DOWN: 'The server was told to stop and takes no new work; uploads under way still end.',
  STORAGE_UNAVAILABLE:
    'A registration, a start of training, an update, an initial model or a run could not be written to the data folder, e.g. because the disk is full. Nothing has changed.',
  INTERNAL: 'A fault of ours. What happened is in the server’s log, and kept out of the answer.',

  CLIENT_UNKNOWN:
    'The server never gave out this id, lost the client for want of heartbeats, saw it leave, or keeps nothing (`storage: memory`) and has restarted since. A client that was lost after its update was accepted can still register under its old id until the round ends; try that first.',
  CLIENT_TOKEN_INVALID: 'A call for a client comes without its `clientToken`, or with another.',
  ADMIN_TOKEN_INVALID: 'A call that only an operator may make comes without the admin token, or with another.',
  CLIENT_NOT_SELECTED:
    'The client asks to start training, but is not selected, is out of the round, or the round is not in training.',
  REGISTRY_FULL: 'As many clients are registered as the server was told to take.',

  RUN_ACTIVE: 'A run is started while another is going on.',
  RUN_UNKNOWN: 'A model is uploaded for a run that is not the current one, or there was no run yet.',
  RUN_STATE: 'Pause, resume or stop do not apply, e.g. resume of a run that is not paused.',
  OPERATION_INAPPLICABLE:
    'An operator asks for what cannot be done now: to extend a deadline or lower a quorum while no round waits for clients or updates, to lower a quorum to one that is not lower, to add more time than is allowed, or to let in a client that is not out of the round or has contributed to it.',
  PLAN_INVALID: 'A setting of the plan is wrong, unknown, or does not go with another.',
  MOMENT_UNKNOWN: 'A past moment is asked for that is not among those the server keeps.',
  ROUND_UNKNOWN: 'The current run has no round of this number, or its record is no longer kept.',
  MODEL_UNKNOWN: 'There is no such version, or no model was committed yet.',
  MODEL_NOT_ACCEPTED:
    'An initial model comes after the run’s first commit, while its first round aggregates or commits, or after its end.',
  RANGE_NOT_SATISFIABLE: 'The `Range` header asks for bytes beyond the end of the model.',

  TRAINING_TOKEN_INVALID:
    'A download or an upload comes without a training token, with one that was never given out, or with one so old that it is forgotten.',
  TRAINING_TOKEN_MISMATCH: 'The token is right, but the path names another client or another round.',
  DOWNLOADS_EXHAUSTED: 'The token was used for `downloadsMax` downloads. It does not pass with time.',
  UPLOAD_IN_PROGRESS: 'Two uploads of the client are under way already: one, and one that takes over when it hangs.',
  UPLOAD_ATTEMPTS_EXHAUSTED: '`uploadAttemptsMax` uploads of the client were refused; it is out of this round.',
  UPDATE_CONFLICT:
    'An update of the client was accepted, and now other bytes come. The same bytes would be answered with the same receipt.',
  UPDATE_DISCARDED:
    'The update may be fine but is not needed: the round is over or was begun anew, or the client is out of it. An upload under way is ended with this answer, too.',
  EVALUATION_DISCARDED:
    'A client reports what it measured, and no evaluation of that round is open to it: it is over, it was begun anew, or the client is out of it.',
  EVALUATION_CONFLICT:
    'A result of the client was accepted, and now another comes. The same result would be answered with the same receipt.',
  TASK_MISMATCH:
    'An update is uploaded with the token of an evaluation, by a client that did not look at its ticket’s `task`.',
  PAYLOAD_TOO_LARGE: `An update or a model is larger than \`payloadBytesMax\`, or a JSON body larger than ${number(jsonBytesMax)} bytes. A declared length is refused before the body is read.`,
  PAYLOAD_TRUNCATED:
    'The connection broke off, or fewer bytes came than were declared. It does not count as an attempt.',
  MALFORMED_SAFETENSORS:
    'The bytes are no safetensors file: a length, an offset, a shape, a name or the header’s JSON is off, or bytes are left over.',
  MALFORMED_NPY: 'On the API of XAIN’s proof of concept: the body is not a sample count and a `.npy` array.',
  DTYPE_UNSUPPORTED: 'A tensor has a dtype that the format knows and Chorus does not sum, e.g. an integer type.',
  MODEL_MISMATCH: 'A tensor is missing, is too much, or has another shape or dtype than in the model of the run.',
  NOT_FINITE: 'A value is NaN or infinite. The detail names the tensor and the element.',
  NORM_TOO_LARGE: 'The L2 norm of all values together is larger than the plan’s `updateNormMax`.',
  NUM_EXAMPLES_INVALID:
    '`num_examples` is missing from `__metadata__`, is no decimal integer from 1, or is larger than the plan’s `numExamplesMax`.',
  METRICS_INVALID: '`metrics` in `__metadata__` is no JSON object of finite numbers, or is too large.',
  STAGING_FULL: 'Updates that were received and not summed yet fill the staging memory (`stagingBytesMax`).',
  STAGED_UPDATES_LOST:
    'After a restart, an accepted update of the open round cannot be read back, or is not what was accepted. No client hears it: the attempt is abandoned for it, and the round is tried again.',
  STRATEGY_FAILED:
    'A strategy that the server was given throws, ends its thread, takes too long, or returns what is no model. No call is answered with it: it is the reason why a round is not committed.',
  AGGREGATOR_UNAVAILABLE:
    'The aggregator’s thread was lost and is being restarted, or does not answer. The last model stays.',
};

const anchorOf = (code: ErrorCode): string => code.toLowerCase();
const cell = (text: string): string => text.replaceAll('|', '\\|');

/** Grouped by status, and within a status in the order of the catalogue. */
function table(): string {
  const byStatus = codes.toSorted((a, b) => errorCatalogue[a].status - errorCatalogue[b].status);
  const rows = byStatus.map((code) => {
    const { status, title } = errorCatalogue[code];
    return `| ${status} | [\`${code}\`](#${anchorOf(code)}) | ${cell(title)} |`;
  });
  return ['| Status | Code | What it says |', '|---|---|---|', ...rows].join('\n');
}

/** A refusal as it is sent. */
function example(code: ErrorCode, detail: string) {
  const { status, title, remedy } = errorCatalogue[code];
  return { type: `/docs/errors#${code}`, title, status, code, detail, remedy };
}

function section(code: ErrorCode): string {
  const { status, title, remedy } = errorCatalogue[code];
  return `### ${code}

${status}: ${title}.

- **When:** ${occasions[code]}
- **What to do:** ${remedy}
`;
}

/** @returns what `docs/errors.md` should hold. */
export function errorsDoc(): string {
  return `# Refusals

Written from \`src/domain/errors.ts\` by \`npm run docs:errors\`; do not edit. A test fails when it is stale.

Why one catalogue: a client must be able to decide from the answer alone whether to go on, to wait, or to give up. So
every refusal of both services is a problem document (RFC 9457, \`application/problem+json\`) with a \`code\` that stays
the same for good. The status says roughly what kind it is, the code says exactly which, \`detail\` names the offender,
and \`remedy\` says what to do. A refusal that passes with time comes with \`Retry-After\` (seconds).

\`\`\`json
${JSON.stringify(example('CLIENT_NOT_SELECTED', 'Client 6f29cb55-a26e-8973-a617-8a2e6f29cb55 is waiting, not selected'), null, 2)}
\`\`\`

\`type\` is a path of the server that answered: it shows the catalogue of the version that is running. In-process, the
same refusals are thrown as \`ChorusError\` with the same codes.

## All codes

${table()}

## Each code

${codes.map(section).join('\n')}`;
}

/** @returns whether the file differs from what the catalogue says. */
export async function isStale(): Promise<boolean> {
  return (await readFile(file, 'utf8').catch(() => null)) !== errorsDoc();
}

async function main(): Promise<void> {
  if (!process.argv.includes('--check')) return writeFile(file, errorsDoc());
  if (!(await isStale())) return;
  console.error('docs/errors.md is stale. Run "npm run docs:errors" and commit the result.');
  process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
