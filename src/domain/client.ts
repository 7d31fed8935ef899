/** The states of a client, in the order the registry keeps them. `unknown` is absence. */
export const clientStates = [
  'unknown',
  'waiting',
  'selected',
  'training',
  'done',
  'doneAndInactive',
  'ignored',
] as const;
export type ClientState = (typeof clientStates)[number];

/** How many clients are in each state; always derived from the registry. */
export type ClientCounts = Record<Exclude<ClientState, 'unknown'>, number>;

/** What a client may tell of itself at registration; bounded by the HTTP schema. */
export interface ClientProfile {
  name?: string;
  attributes?: Record<string, string | number | boolean>;
  /** It can evaluate a model, and may be asked to. @default false */
  evaluates?: boolean;
}

/** A client as shown to operators. */
export interface ClientView extends ClientProfile {
  clientId: string;
  state: Exclude<ClientState, 'unknown'>;
  /** One sentence: what is awaited of it or what it waits for, and until when. */
  waitingFor: string;
  lastSeenAtMs: number;
}
