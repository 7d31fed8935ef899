/** Bounds of both listeners. What is hit answers with a problem of the catalogue; see docs/errors.md. */
export interface HttpLimits {
  /** JSON bodies, bytes → PAYLOAD_TOO_LARGE. */
  jsonBytesMax: number;
  /** All headers of a request, bytes → HEADERS_TOO_LARGE. */
  headerBytesMax: number;
  /** Initial models, bytes → PAYLOAD_TOO_LARGE. */
  modelBytesMax: number;
  /** Connections at once; more are closed. Room for 10,000 held heartbeats. */
  connectionsMax: number;
  /** For a request's headers to come in, ms → REQUEST_TIMEOUT. */
  headersMsMax: number;
  /** For a whole request to the coordinator to come in, ms → REQUEST_TIMEOUT. */
  requestMsMax: number;
  /** An idle connection is kept so long, ms. */
  keepAliveMs: number;
  /** Longest hold of a heartbeat, seconds. */
  waitSecondsMax: number;
  /** Event streams at once → RATE_LIMITED. */
  eventStreamsMax: number;
  /** Bytes a slow reader of events may be behind before it is cut off; it resumes by Last-Event-ID. */
  eventBacklogBytesMax: number;
  /** Requests per client a minute → RATE_LIMITED. */
  requestsPerClientMax: number;
  /** Requests per address a minute, where no client is named → RATE_LIMITED. */
  requestsPerAddressMax: number;
  /** An upload that brings nothing for so long is given up, ms → REQUEST_TIMEOUT. */
  uploadIdleMsMax: number;
  /** Bytes a second an upload must bring on average once it is `uploadIdleMsMax` old → REQUEST_TIMEOUT. */
  uploadBytesPerSecondMin: number;
}

export const defaultHttpLimits: HttpLimits = {
  jsonBytesMax: 65_536,
  headerBytesMax: 16_384,
  modelBytesMax: 2 ** 32,
  connectionsMax: 16_384,
  headersMsMax: 15_000,
  requestMsMax: 300_000,
  keepAliveMs: 72_000,
  waitSecondsMax: 120,
  eventStreamsMax: 1_000,
  eventBacklogBytesMax: 1_048_576,
  requestsPerClientMax: 1_200,
  requestsPerAddressMax: 120_000,
  uploadIdleMsMax: 20_000,
  uploadBytesPerSecondMin: 1_024,
};

/** How a listener logs. */
export interface LogSettings {
  /** pino's level, `silent` for none. */
  level: string;
  /** For people instead of for machines. */
  pretty: boolean;
}

/** What the HTTP listeners are to be like, as plain data: it is handed to the aggregator's thread as well. */
export interface HttpSettings {
  /** Origins whose pages may call the API, e.g. `https://app.example`; `*` for any. @default none */
  corsOrigins?: string[];
  /**
   * Host names, beside `localhost` and addresses, under which the server may be called. A page of another site that
   * points its own name at this server is refused. @default none
   */
  allowedHosts?: string[];
  /** @default silent */
  log?: LogSettings;
  /** Serves the HTTP API of XAIN's 2020 proof of concept beside our own. @default false */
  xainApi?: boolean;
  /**
   * Reads plain uploads from the socket straight into staging memory, past Node's HTTP server, and answers plain
   * heartbeats past the framework. Same answers, less work.
   * @default true
   */
  frontDoor?: boolean;
  /** @default {@link defaultHttpLimits} */
  limits?: Partial<HttpLimits>;
}

/** Where a listener listens. */
export interface ListenAt {
  host: string;
  /** 0 picks a free one. */
  port: number;
}
