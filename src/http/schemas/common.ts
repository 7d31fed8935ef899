import type { Static, TSchema } from 'typebox';
import { errorCatalogue } from '../../domain/errors.ts';
import { Type } from './type.ts';

/** Any UUID: our client ids are of version 8. */
const uuidPattern = '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$';

/** In answers, where it needs no check. */
export const Uuid = Type.String({ description: 'UUID' });
export const UuidText = Type.String({ pattern: uuidPattern });
export const TimeMs = Type.Number({ description: 'Unix time, ms' });
export const Count = Type.Integer({ minimum: 0 });
export const Metrics = Type.Record(Type.String(), Type.Number());
export const Sha256 = Type.String({ description: 'Hex digest of the bytes' });
export const Bytes = Type.Unsafe<Uint8Array>({ type: 'string', format: 'binary' });

/** The schema, or null; as a list of types, which serialises faster than a union. */
export const nullable = <T extends TSchema & { type: string }>(schema: T) =>
  Type.Unsafe<Static<T> | null>({ ...schema, type: [schema.type, 'null'] });

const Problem = Type.Object(
  {
    type: Type.String({ description: 'Where the code is explained' }),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.Enum(Object.keys(errorCatalogue), { description: 'Stable; see docs/errors.md' }),
    detail: Type.String({ description: 'Names the offender' }),
    remedy: Type.String(),
  },
  { description: 'RFC 9457 problem details' },
);

/** Response schemas for refusals, by status. */
export function problems<const Status extends number>(...statuses: Status[]): Record<Status, typeof Problem> {
  return Object.fromEntries(statuses.map((status) => [status, Problem])) as Record<Status, typeof Problem>;
}

/** What a path names a client by; whether there is such a client is not the schema's matter. */
export const ClientParams = Type.Object({ clientId: Type.String({ minLength: 1 }) });

export const bearer = (name: 'client' | 'admin' | 'training') => [{ [name]: [] as string[] }];
