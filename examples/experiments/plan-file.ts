import { fileURLToPath } from 'node:url';
import { checkPlan } from '../../src/cli/config/check-plan.ts';
import { readSettingsFile } from '../../src/cli/config/read-file.ts';
import type { Plan } from '../../src/domain/plan.ts';

/** Reads `plans/<name>.toml`. @throws {Error} it is no plan to run by, with all that is wrong. */
export async function readPlanFile(name: string): Promise<Plan> {
  const file = fileURLToPath(new URL(`./plans/${name}.toml`, import.meta.url));
  const { plan, problems } = await checkPlan(await readSettingsFile(file), file);
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join('\n'));
  return plan;
}
