import type { Command } from 'commander';

/** Commands about plans as documents; they need no server. */
export function addPlan(program: Command): void {
  const plan = program.command('plan').summary('check a plan').description('Looks at plans; nothing is started.');
  plan
    .command('check')
    .description('Says what a run with this plan would do, or what is wrong with it; then it ends with 1.')
    .argument('<file>', 'TOML or JSON with the settings of the plan, or a file of settings with a table [plan]')
    .option('--json', 'print what was found as JSON')
    .action(async (file: string, options: { json?: boolean }) => {
      const { checkPlanFile } = await import('./commands/plan.ts');
      await checkPlanFile(file, options);
    });
  plan
    .command('schema')
    .description('Prints the JSON Schema of a plan, for editors.')
    .action(async () => {
      const { showPlanSchema } = await import('./commands/plan.ts');
      showPlanSchema();
    });
}
