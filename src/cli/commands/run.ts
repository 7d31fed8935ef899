import { openAsBlob } from 'node:fs';
import type { RunView, Status } from '../../domain/handle.ts';
import type { ModelInfo } from '../../domain/model.ts';
import type { Api } from '../api/api.ts';
import { adminApi, type Connection } from '../api/connection.ts';
import { planCliSettings } from '../config/catalogue.ts';
import { fromPlanFile } from '../config/from-file.ts';
import { type Flags, fromFlags } from '../config/from-flags.ts';
import { resolvePlanGiven } from '../config/plan-given.ts';
import { readSettingsFile } from '../config/read-file.ts';
import { CommandFailure, exitCodes, refuseProblems } from '../failure.ts';
import { byteSize } from '../render/format.ts';
import { waitingLine } from '../render/status.ts';
import { print, printJson } from './output.ts';

export interface StartOptions extends Connection {
  plan?: string;
  model?: string;
  json?: boolean;
}

/** `chorus run start`: a run with the plan of a file and of flags; what neither gives comes from the server. */
export async function startRun(options: StartOptions, flags: Flags): Promise<void> {
  const plan = await readPlanGiven(options, flags);
  const model = options.model === undefined ? null : await openModel(options.model);
  const api = await adminApi(options);
  const run = await api.json<RunView>('/v1/runs', {
    method: 'POST',
    contentType: 'application/json',
    body: JSON.stringify(model ? { ...plan, initialModel: 'upload' } : plan),
  });
  const installed = model ? await installModel(api, run.run, model) : null;
  if (options.json) {
    printJson(run);
    return;
  }
  print(`Run ${run.run} started: ${run.plan.rounds} rounds.`);
  if (installed) print(`Initial model installed: version ${installed.version}, ${byteSize(installed.bytes)}.`);
  print(await waitingNow(api));
}

async function readPlanGiven(options: StartOptions, flags: Flags): Promise<Record<string, unknown>> {
  const file = options.plan === undefined ? [] : [await readPlanFile(options.plan)];
  const { plan, problems } = resolvePlanGiven([...file, fromFlags(flags, planCliSettings)]);
  if (options.model !== undefined && plan.initialModel !== undefined && plan.initialModel !== 'upload') {
    problems.push(
      `--model uploads the initial model, but initialModel (--initial-model) is ${JSON.stringify(plan.initialModel)}; leave one out.`,
    );
  }
  refuseProblems(problems);
  return plan;
}

const readPlanFile = async (file: string) => fromPlanFile(await readSettingsFile(file), file, planCliSettings);

/** Opened before the run is started, so that a wrong name does not leave a run waiting for its model. */
async function openModel(file: string): Promise<Blob> {
  return openAsBlob(file).catch((error: NodeJS.ErrnoException) => {
    throw new CommandFailure(`The model file ${file} cannot be read: ${error.message}.`, exitCodes.usage);
  });
}

/** A model that is not taken leaves the run waiting for one, so that is said too. */
async function installModel(api: Api, run: string, model: Blob): Promise<ModelInfo> {
  try {
    const answer = await api.open(`/v1/runs/${run}/model`, {
      method: 'PUT',
      contentType: 'application/octet-stream',
      body: model,
    });
    return (await answer.json()) as ModelInfo;
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    throw new CommandFailure(`${error.message}\n  Run ${run} waits for its initial model; "chorus run stop" ends it.`);
  }
}

const waitingNow = async (api: Api): Promise<string> => {
  const { waitingFor } = await api.json<Status>('/v1/status');
  return waitingLine(waitingFor, Date.now());
};

/** `chorus run pause`, `resume` and `stop`. */
export async function commandRun(
  verb: 'pause' | 'resume' | 'stop',
  options: Connection & { json?: boolean },
): Promise<void> {
  const api = await adminApi(options);
  const status = await api.json<Status>(`/v1/runs/current/${verb}`, { method: 'POST' });
  if (options.json) printJson(status);
  else print(waitingLine(status.waitingFor, Date.now()));
}
