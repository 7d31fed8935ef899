import { Count, Sha256, Uuid } from './common.ts';
import { Type } from './type.ts';

const Round = Type.Integer({ minimum: 1 });
export const RoundParams = Type.Object({ round: Round });
export const UpdateParams = Type.Object({ round: Round, clientId: Type.String({ minLength: 1 }) });
export const VerdictReply = Type.Object({
  verdict: Type.Literal('accepted'),
  receipt: Type.Object({ round: Count, clientId: Uuid, sha256: Sha256, numExamples: Count }),
});
