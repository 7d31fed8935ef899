/** The server's API as functions, typed by the server's own types. */
import type {
  Charts,
  ClientParts,
  DetailedRound,
  RoundSummaries,
  Strategies,
} from '../../../src/dashboard/contract.ts';
import type { ClientState, ClientView } from '../../../src/domain/client.ts';
import type { ClientPage, RunView } from '../../../src/domain/handle.ts';
import type { ModelInfo, ModelView } from '../../../src/domain/model.ts';
import type { SelectionExplanation } from '../../../src/domain/selection-reason.ts';
import { call } from './call.ts';

export interface AttemptKey {
  run: string;
  round: number;
  attempt: number;
}

const path = encodeURIComponent;

export const api = {
  run: () => call<RunView>('/v1/runs/current'),
  rounds: (limit: number) => call<RoundSummaries>(`/dashboard/rounds?limit=${limit}`),
  round: ({ run, round, attempt }: AttemptKey, signal?: AbortSignal) =>
    call<DetailedRound>(`/dashboard/rounds/${path(run)}/${round}/${attempt}`, { signal }),
  selection: (round: number, clientId: string, signal?: AbortSignal) =>
    call<SelectionExplanation>(`/v1/rounds/${round}/selection/${path(clientId)}`, { asAdmin: true, signal }),
  models: () => call<{ models: ModelView[] }>('/v1/models'),
  charts: () => call<Charts>('/dashboard/charts'),

  /** Anything that only the operator may ask, to find out whether the token is his. */
  checkToken: (token: string) => call<ClientPage>('/v1/clients?limit=1', { token }),
  clients(query: { state: ClientState | null; limit: number; cursor: string | null }, signal?: AbortSignal) {
    const given = new URLSearchParams({ limit: String(query.limit) });
    if (query.state) given.set('state', query.state);
    if (query.cursor) given.set('cursor', query.cursor);
    return call<ClientPage>(`/v1/clients?${given}`, { asAdmin: true, signal });
  },
  client: (clientId: string, signal?: AbortSignal) =>
    call<ClientView>(`/v1/clients/${path(clientId)}`, { asAdmin: true, signal }),
  clientParts: (clientId: string, signal?: AbortSignal) =>
    call<ClientParts>(`/dashboard/clients/${path(clientId)}/rounds`, { asAdmin: true, signal }),

  strategies: (signal?: AbortSignal) => call<Strategies>('/dashboard/strategies', { asAdmin: true, signal }),
  startRun: (plan: Record<string, unknown>) => call<RunView>('/v1/runs', { method: 'POST', body: plan, asAdmin: true }),
  installModel: (run: string, file: Blob) =>
    call<ModelInfo>(`/v1/runs/${path(run)}/model`, { method: 'PUT', body: file, asAdmin: true }),
};

/** Where a model can be downloaded from. */
export const modelUrl = (version: number): string => `/v1/models/${version}`;
