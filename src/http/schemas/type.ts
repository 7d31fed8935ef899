import type { TSchema, Type as TypeBox } from 'typebox';

type Options = Record<string, unknown>;

/** Marks a property that may be left out; not part of the schema. */
const optional = Symbol('optional');

const keyword =
  (type: string) =>
  (options: Options = {}) => ({ type, ...options });

/**
 * TypeBox's builders, as far as we use them, and with its types. What a schema is at run time is plain JSON, which these
 * few lines make as well; TypeBox itself would load some 700 modules on each thread, a tenth of a second at every start.
 */
export const Type = {
  String: keyword('string'),
  Integer: keyword('integer'),
  Number: keyword('number'),
  Boolean: keyword('boolean'),
  Null: keyword('null'),
  Unknown: (options: Options = {}) => ({ ...options }),
  Unsafe: (schema: TSchema) => schema,
  Literal: (value: string | number | boolean, options: Options = {}) => ({
    type: typeof value,
    const: value,
    ...options,
  }),
  Enum: (values: readonly string[], options: Options = {}) => ({ type: 'string', enum: [...values], ...options }),
  Array: (items: TSchema, options: Options = {}) => ({ type: 'array', items, ...options }),
  Union: (anyOf: readonly TSchema[], options: Options = {}) => ({ anyOf, ...options }),
  Record: (key: { pattern?: string }, value: TSchema, options: Options = {}) => ({
    type: 'object',
    patternProperties: { [key.pattern ?? '^.*$']: value },
    ...options,
  }),
  Optional: (schema: TSchema) => ({ ...schema, [optional]: true }),
  Object: (properties: Readonly<Record<string, TSchema>>, options: Options = {}) => {
    const required = Object.keys(properties).filter((name) => !(optional in (properties[name] ?? {})));
    return { type: 'object', ...(required.length > 0 ? { required } : {}), properties, ...options };
  },
} as unknown as typeof TypeBox;
