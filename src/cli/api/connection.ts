import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { readTokenFile, refuseBadToken } from '../admin-token.ts';
import { adminTokenVariable, urlVariable } from '../config/catalogue.ts';
import { serverSettings } from '../config/server-settings.ts';
import { CommandFailure, exitCodes } from '../failure.ts';
import { adminTokenFileName } from '../server/data-folder.ts';
import { type Api, createApi } from './api.ts';

const defaultUrl = `http://${serverSettings.host.default}:${serverSettings.port.default}`;
const section = 'Connection:';

export interface Connection {
  url?: string;
  adminTokenFile?: string;
  dataDir?: string;
}

/** Gives a command the flag that says which server it talks to. */
export const addUrlOption = (command: Command): Command =>
  command
    .optionsGroup(section)
    .option('--url <url>', `Coordinator of the server (default: ${defaultUrl}, ${urlVariable})`);

/** Gives a command the flags of calls that only an operator may make. */
export const addAdminOptions = (command: Command): Command =>
  addUrlOption(command)
    .option(
      '--admin-token-file <file>',
      `File that holds the admin token (or the token itself in ${adminTokenVariable})`,
    )
    .option(
      '--data-dir <folder>',
      `The server's data folder, which holds the token (default: ${serverSettings.dataDir.default}, CHORUS_DATA_DIR)`,
    );

type Env = Readonly<Record<string, string | undefined>>;

/** The API as anybody may call it. */
export const publicApi = ({ url }: Connection, env: Env = process.env): Api =>
  createApi({ url: url ?? (env[urlVariable] || defaultUrl) });

/** The API as an operator calls it. @throws {CommandFailure} exit code 2: no admin token is to be found. */
export async function adminApi(connection: Connection, env: Env = process.env): Promise<Api> {
  const adminToken = await findAdminToken(connection, env);
  return createApi({ url: connection.url ?? (env[urlVariable] || defaultUrl), adminToken });
}

async function findAdminToken({ adminTokenFile, dataDir }: Connection, env: Env): Promise<string> {
  if (adminTokenFile !== undefined) return checked(await readTokenFile(adminTokenFile), adminTokenFile);
  const variable = env[adminTokenVariable];
  if (variable && dataDir === undefined) return checked(variable, `the variable ${adminTokenVariable}`);
  const file = dataDir === undefined ? env.CHORUS_ADMIN_TOKEN_FILE : undefined;
  if (file) return checked(await readTokenFile(file), file);
  const kept = join(dataDir ?? (env.CHORUS_DATA_DIR || serverSettings.dataDir.default), adminTokenFileName);
  if (existsSync(kept)) return checked(await readTokenFile(kept), kept);
  throw new CommandFailure(
    `This needs the server's admin token, and there is no ${kept}; name the server's data folder with --data-dir, or give --admin-token-file or the variable ${adminTokenVariable}.`,
    exitCodes.usage,
  );
}

function checked(token: string, source: string): string {
  refuseBadToken(token, source);
  return token;
}
