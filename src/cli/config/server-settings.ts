import type { SettingTable } from '../../domain/settings.ts';

/** The longest drain or wait a setting may ask for: ten minutes, ms. */
const drainMsMax = 600_000;

const network = {
  host: {
    kind: 'text',
    default: '127.0.0.1',
    help: 'Address to listen on. Beyond this machine only with allowRemote.',
  },
  port: {
    kind: 'integer',
    default: 8_081,
    min: 0,
    max: 65_535,
    help: 'Port of the coordinator: clients, operators, docs. 0 picks a free one.',
  },
  aggregatorPort: {
    kind: 'integer',
    default: 8_082,
    min: 0,
    max: 65_535,
    help: 'Port of the aggregator: models out, updates in. 0 picks a free one.',
  },
  aggregatorUrl: {
    kind: 'text',
    default: null,
    help: 'Origin that clients are told for the aggregator, e.g. of a TLS proxy. Default: where it listens.',
  },
  allowRemote: {
    kind: 'boolean',
    default: false,
    help: 'Allows a host that other machines can reach. Traffic is not encrypted: put a TLS proxy in front.',
  },
  allowedHosts: {
    kind: 'text',
    default: '',
    help: 'Host names, comma-separated, under which the server may be called; localhost and addresses always may.',
  },
  corsOrigins: {
    kind: 'text',
    default: '',
    help: 'Origins, comma-separated, whose pages may call the API, e.g. https://app.example; * for any.',
  },
} as const satisfies SettingTable;

const data = {
  storage: {
    kind: 'choice',
    default: 'file',
    choices: ['file', 'memory'],
    help: 'file: models, history and keys are kept in dataDir; memory: nothing outlives the process.',
  },
  dataDir: {
    kind: 'text',
    default: 'chorus-data',
    help: 'Folder for models, history and keys; made if it is not there. What an earlier server left in it is gone on with.',
  },
  durability: {
    kind: 'choice',
    default: 'update',
    choices: ['update', 'round'],
    help: 'What a crash may cost. update: an accepted update still counts after it; round: the open round is tried again.',
  },
  fsync: {
    kind: 'choice',
    default: 'always',
    choices: ['always', 'commit'],
    help: 'What survives a loss of power. always: every accepted update; commit: every committed round. A killed process loses neither.',
  },
  keepUpdates: {
    kind: 'boolean',
    default: false,
    help: 'Keeps the updates of committed rounds, so that chorus verify can make the models again. They take space.',
  },
  adminTokenFile: {
    kind: 'text',
    default: null,
    help: 'File that holds the admin token. Without it and without CHORUS_ADMIN_TOKEN, one is made in dataDir.',
  },
} as const satisfies SettingTable;

const features = {
  autoStart: {
    kind: 'boolean',
    default: true,
    help: 'Starts a run with this plan at once, unless dataDir has one already.',
  },
  inspect: {
    kind: 'boolean',
    default: false,
    help: 'Serves the live statecharts at /inspect. For development: it shows the state of every client.',
  },
  frontDoor: {
    kind: 'boolean',
    default: true,
    help: 'Reads plain uploads from the socket straight into staging memory, past the HTTP server: same answers, less work.',
  },
  evaluatorModule: {
    kind: 'text',
    default: null,
    help: 'Path of an ES module that exports evaluate({ tensors, metadata, version }) and returns metrics: for evaluateBy server or both. It runs on a thread of its own, with all the rights of the server. No plan can name one.',
  },
  strategyModules: {
    kind: 'record',
    default: {},
    help: 'Strategies of your own, by name: NAME is the path of an ES module, and plans choose it as strategy module:NAME. They run on threads of their own, with all the rights of the server. Only the plan that the server is started with can name a path instead.',
  },
  xainApi: { kind: 'boolean', default: false, help: 'Serves the HTTP API of XAIN’s 2020 proof of concept as well.' },
} as const satisfies SettingTable;

const limits = {
  clientsMax: { kind: 'integer', default: 1_000_000, min: 1, max: 2 ** 30, help: 'Most registered clients.' },
  stagingBytesMax: {
    kind: 'integer',
    default: 2 ** 30,
    min: 1_024,
    max: 2 ** 44,
    unit: 'bytes',
    help: 'Memory for updates that are received but not summed yet.',
  },
  foldThreads: {
    kind: 'integer',
    default: null,
    min: 1,
    max: 256,
    help: 'Threads that check and sum updates. Default: as many as the machine offers.',
  },
  drainMs: {
    kind: 'integer',
    default: 10_000,
    min: 0,
    max: drainMsMax,
    unit: 'ms',
    help: 'How long uploads under way may still take when the server is told to stop.',
  },
} as const satisfies SettingTable;

const logs = {
  logLevel: {
    kind: 'choice',
    default: 'info',
    choices: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    help: 'Least level that is logged.',
  },
  logFormat: {
    kind: 'choice',
    default: 'auto',
    choices: ['auto', 'pretty', 'json'],
    help: 'pretty: lines for people; json: an object a line; auto: pretty on a terminal, else json.',
  },
} as const satisfies SettingTable;

const traces = {
  otlpEndpoint: {
    kind: 'text',
    default: null,
    help: 'Base URL of an OpenTelemetry collector (OTLP over HTTP), e.g. http://127.0.0.1:4318; each round is sent to it as a trace. OTEL_EXPORTER_OTLP_ENDPOINT stands in when it is not given. Default: nothing is traced.',
  },
} as const satisfies SettingTable;

/** The settings of the server, as they are grouped in the help and in the docs. */
export const serverSections = {
  Network: network,
  Data: data,
  Features: features,
  Limits: limits,
  Logs: logs,
  Traces: traces,
};

/** Every setting of the server: what, unit, default and bounds. The admin token itself is none: it is a secret. */
export const serverSettings = {
  ...network,
  ...data,
  ...features,
  ...limits,
  ...logs,
  ...traces,
} as const satisfies SettingTable;

/** What a server is to be like, apart from the plan of its runs. */
export interface ServerSettings {
  readonly host: string;
  readonly port: number;
  readonly aggregatorPort: number;
  /** null: where it listens. */
  readonly aggregatorUrl: string | null;
  readonly allowRemote: boolean;
  readonly allowedHosts: readonly string[];
  readonly corsOrigins: readonly string[];
  readonly storage: 'file' | 'memory';
  readonly dataDir: string;
  readonly durability: 'update' | 'round';
  readonly fsync: 'always' | 'commit';
  readonly keepUpdates: boolean;
  readonly adminTokenFile: string | null;
  readonly autoStart: boolean;
  readonly inspect: boolean;
  readonly frontDoor: boolean;
  /** null: none. */
  readonly evaluatorModule: string | null;
  /** Paths by name. */
  readonly strategyModules: Readonly<Record<string, string>>;
  readonly xainApi: boolean;
  readonly clientsMax: number;
  readonly stagingBytesMax: number;
  /** null: as many as the machine offers. */
  readonly foldThreads: number | null;
  readonly drainMs: number;
  readonly logLevel: string;
  readonly logFormat: 'auto' | 'pretty' | 'json';
  /** null: nothing is traced. */
  readonly otlpEndpoint: string | null;
}

/** Texts that hold several values with commas between. */
export const listSettings: readonly string[] = ['allowedHosts', 'corsOrigins'];

/** @returns the values of a list written with commas; blanks around them do not count. */
export const readList = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
