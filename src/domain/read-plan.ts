import { evaluationConflicts, evaluatorsOf } from './evaluation.ts';
import { type Plan, planSettings, quorumOf } from './plan.ts';
import { ratioCeil } from './ratio.ts';
import { selectionConflicts } from './selection-settings.ts';
import { resolveSettings, type SettingProblem } from './settings.ts';
import { takesStaleWeights } from './strategy-choice.ts';

/**
 * Reads a plan: fills in defaults, checks each setting and the rules between them.
 * @param given settings by name; what is left out takes its default (or the value in `defaults`).
 */
export function readPlan(
  given: Readonly<Record<string, unknown>>,
  defaults: Partial<Plan> = {},
): { plan: Plan; problems: SettingProblem[] } {
  // Names the schema, for editors.
  const { $schema: _, ...named } = given;
  const merged = { ...defaults, ...named };
  const { settings, problems } = resolveSettings<Plan>(planSettings, merged);
  // Left out, minClients follows the cohort: a round that opens must be able to commit.
  const follows = merged.minClients === undefined && settings.cohortSize !== null;
  const plan = follows ? { ...settings, minClients: quorumOf(settings) } : settings;
  return { plan, problems: problems.length > 0 ? problems : [...planConflicts(plan), ...evaluationConflicts(plan)] };
}

/** A plan as an earlier version kept it: what had no setting then has its default. */
export const completePlan = (kept: Partial<Plan>): Plan => ({ ...readPlan({}).plan, ...kept });

function planConflicts(plan: Plan): SettingProblem[] {
  const problems: SettingProblem[] = selectionConflicts(plan, plan);
  const conflict = (setting: keyof Plan, message: string) => problems.push({ setting, message });
  if (plan.cohortSize === null && plan.participantsRatio <= 0) {
    conflict(
      'participantsRatio',
      'participantsRatio (--participants-ratio) is 0, so no client would ever be selected; give a ratio above 0, up to 1.',
    );
  }
  if (plan.cohortSize === null && plan.overSelection !== 1) {
    conflict(
      'overSelection',
      'overSelection (--over-selection) goes with cohortSize; give --cohort-size too, or leave it out.',
    );
  }
  const reachable = plan.cohortSize ?? ratioCeil(plan.participantsRatio, plan.minClients);
  if (plan.quorum !== null && plan.quorum > reachable) {
    const cause =
      plan.cohortSize === null
        ? `ceil(participantsRatio × minClients) selects only ${reachable}`
        : `a round closes at cohortSize = ${plan.cohortSize}`;
    conflict(
      'quorum',
      `quorum (--quorum) is ${plan.quorum}, but ${cause}, so no round could commit; lower --quorum or raise ${plan.cohortSize === null ? '--min-clients' : '--cohort-size'}.`,
    );
  }
  if (plan.cohortSize !== null && plan.minClients < quorumOf(plan)) {
    conflict(
      'minClients',
      `minClients (--min-clients) is ${plan.minClients}, fewer than the quorum of ${quorumOf(plan)}, so a round could open that can never commit; raise --min-clients to ${quorumOf(plan)} or lower --quorum.`,
    );
  }
  if (plan.heartbeatTimeoutMs < 2 * plan.heartbeatIntervalMs) {
    conflict(
      'heartbeatTimeoutMs',
      `heartbeatTimeoutMs (--heartbeat-timeout-ms) is ${plan.heartbeatTimeoutMs}, less than twice heartbeatIntervalMs (${plan.heartbeatIntervalMs}), so one lost heartbeat would drop a client; raise it to ${2 * plan.heartbeatIntervalMs} or more.`,
    );
  }
  if (plan.mode === 'buffered' && plan.cohortSize === null) {
    conflict(
      'cohortSize',
      'mode is "buffered", but cohortSize (--cohort-size) is not given: it says how many contributions make a version.',
    );
  }
  if (plan.mode === 'buffered' && plan.updateKind !== 'deltas' && !takesStaleWeights(plan.strategy)) {
    conflict(
      'updateKind',
      'mode is "buffered", which needs updates that can be added to a newer model than they began with; set updateKind (--update-kind) to "deltas", or strategy (--strategy) to "fedasync", which mixes full weights in.',
    );
  }
  if (plan.mode === 'buffered' && evaluatorsOf(plan).includes('clients')) {
    conflict(
      'evaluateBy',
      `mode is "buffered", in which clients train on between two versions and cannot be asked to evaluate one, but evaluateBy (--evaluate-by) is "${plan.evaluateBy}"; give "server", or leave evaluateEvery out.`,
    );
  }
  if (plan.updateKind === 'deltas' && plan.initialModel === 'none') {
    conflict(
      'initialModel',
      'updateKind is "deltas", which needs a model to add them to, but initialModel is "none"; set initialModel to "upload" or "latest".',
    );
  }
  return problems;
}
