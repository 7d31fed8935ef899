export type { Candidates, SelectionPolicy, SelectionRequest } from './actors/selector.actor.ts';
export { type Chorus, type ChorusOptions, createChorus, type ListenOptions } from './chorus.ts';
export type { ClientCounts, ClientProfile, ClientState, ClientView } from './domain/client.ts';
export type { Clock } from './domain/clock.ts';
export { ChorusError, type ErrorCode, errorCatalogue } from './domain/errors.ts';
export { type Evaluate, EvaluatorUnusable, type JudgedModel } from './domain/evaluate.ts';
export type {
  ChorusEvent,
  Contribution,
  CoordinatorHandle,
  EvaluationResult,
  Exclusion,
  Heartbeat,
  Receipt,
  Registration,
  RoundRecord,
  RunView,
  Status,
  TrainingTicket,
  WaitingFor,
} from './domain/handle.ts';
export type { HttpLimits, HttpSettings } from './domain/http.ts';
export type {
  Dtype,
  ModelBlob,
  ModelEvaluation,
  ModelInfo,
  ModelView,
  Tensor,
  Tensors,
} from './domain/model.ts';
export type { GivenPlan, Plan } from './domain/plan.ts';
export { type RandomStream, seededRandom } from './domain/random.ts';
export type { Reason, SelectionExplanation } from './domain/selection-reason.ts';
export type { StrategyPath } from './domain/strategy-path.ts';
export type { GivenStrategies } from './own-strategies.ts';
export type { Selection } from './selection/policy.ts';
export {
  defineOwnStrategy,
  type OwnGatheringStrategy,
  type OwnRunningStrategy,
  type OwnStep,
  type OwnStepped,
  type OwnStrategy,
  type OwnTile,
  StrategyUnusable,
} from './strategies/own-strategy.ts';
