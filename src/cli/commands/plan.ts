import { planSchema } from '../../domain/plan-schema.ts';
import { checkPlan } from '../config/check-plan.ts';
import { readSettingsFile } from '../config/read-file.ts';
import { CommandFailure, exitCodes } from '../failure.ts';
import { plural } from '../render/format.ts';
import { planLines } from '../render/plan.ts';
import { styleFor } from '../render/style.ts';
import { print, printJson } from './output.ts';

/** `chorus plan check`: what a run with this plan would do, or what is wrong with it. Nothing is started. */
export async function checkPlanFile(file: string, { json = false }: { json?: boolean }): Promise<void> {
  const { plan, problems } = await checkPlan(await readSettingsFile(file), file);
  if (json) {
    printJson({ valid: problems.length === 0, problems, plan: problems.length === 0 ? plan : null });
    if (problems.length > 0) process.exitCode = exitCodes.failed;
    return;
  }
  if (problems.length > 0) {
    const lines = problems.map(({ message }) => `  - ${message}`).join('\n');
    throw new CommandFailure(`${file} is no plan to run by: ${plural(problems.length, 'problem')}.\n${lines}`);
  }
  print(`${file} is a valid plan. What it leaves out has its default here; a server may have another.`);
  print(planLines(plan, styleFor(process.stdout)).join('\n'));
}

/** `chorus plan schema`: for editors. */
export const showPlanSchema = (): void => printJson(planSchema());
