/**
 * Writes `docs/plan.schema.json` from the table of a plan's settings: `npm run docs:schema`. With `--check` nothing is
 * written, and the exit code is 1 when the file is stale.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { planSchema } from '../src/domain/plan-schema.ts';

const file = new URL('../docs/plan.schema.json', import.meta.url);

/** @returns what `docs/plan.schema.json` should hold. */
const schemaText = (): string => `${JSON.stringify(planSchema(), null, 2)}\n`;

/** Whether the file is missing or differs from what the settings say. */
export async function isStale(): Promise<boolean> {
  return (await readFile(file, 'utf8').catch(() => null)) !== schemaText();
}

async function main(): Promise<void> {
  if (!process.argv.includes('--check')) {
    await writeFile(file, schemaText());
    return;
  }
  if (!(await isStale())) return;
  console.error('docs/plan.schema.json is stale. Run "npm run docs:schema" and commit the result.');
  process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
