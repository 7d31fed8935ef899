import { Type as TypeBox } from 'typebox';
import { expect, it } from 'vitest';
import { Type } from '../../src/http/schemas/type.ts';

/** The same schema, built by each. */
const built = (T: typeof TypeBox) =>
  T.Object(
    {
      id: T.String({ pattern: '^a' }),
      count: T.Optional(T.Integer({ minimum: 0 })),
      ratio: T.Number(),
      flag: T.Boolean({ description: 'a flag' }),
      none: T.Null(),
      verdict: T.Literal('accepted'),
      list: T.Array(T.Union([T.String(), T.Number()])),
      open: T.Record(T.String(), T.Unknown()),
      named: T.Optional(T.Record(T.String({ pattern: '^.{1,4}$' }), T.Boolean(), { maxProperties: 2 })),
      foreign: T.Unsafe<Uint8Array>({ type: 'string', format: 'binary' }),
      inner: T.Object({ only: T.Optional(T.String()) }, { additionalProperties: false }),
    },
    { description: 'all of it' },
  );

it('the schema builders say what TypeBox says', () => {
  const plain = JSON.parse(JSON.stringify(built(Type)));
  const reference = JSON.parse(JSON.stringify(built(TypeBox)));
  expect(plain).toEqual(reference);
});
