import { createRequire } from 'node:module';
import type { Ajv, ErrorObject, ValidateFunction } from 'ajv';
import type { FastifySchemaCompiler, FastifySerializerCompiler } from 'fastify';

/** Loads at once, and only when the first schema is compiled: to be up, none is needed. */
const require = createRequire(import.meta.url);

/** Our schemas are typed and tested; checking them against the metaschema at each start would only take time. */
const shared = { removeAdditional: false, useDefaults: true, strict: false, meta: false, validateSchema: false };

let strict: Ajv | null = null;
let lenient: Ajv | null = null;

/** Bodies are taken as they are: a number sent as text is a mistake. Paths, queries and headers are always text. */
function compile(schema: object, httpPart: string | undefined): ValidateFunction {
  if (httpPart === 'body') {
    // `1e400` is read as an infinite number, which can neither be written down nor answered. Where types are coerced it
    // is the bounds that refuse one, and they would be passed over.
    strict ??= createAjv({ coerceTypes: false, strictNumbers: true });
    return strict.compile(schema);
  }
  lenient ??= createAjv({ coerceTypes: true });
  return lenient.compile(schema);
}

function createAjv(options: { coerceTypes: boolean; strictNumbers?: boolean }): Ajv {
  const { Ajv } = require('ajv') as typeof import('ajv');
  return new Ajv({ ...shared, ...options });
}

interface Validator {
  (data: unknown): boolean;
  errors?: ErrorObject[] | null;
}

/** Compiles a schema when the first request needs it: most are not needed to be up. */
export const validatorCompiler: FastifySchemaCompiler<object> = ({ schema, httpPart }) => {
  let compiled: ValidateFunction | null = null;
  const validate: Validator = (data) => {
    compiled ??= compile(schema, httpPart);
    const isValid = compiled(data) === true;
    validate.errors = compiled.errors ?? null;
    return isValid;
  };
  return validate;
};

/** The same for answers. They are allow-lists: what their schema does not name is left out. */
export const serializerCompiler: FastifySerializerCompiler<object> = ({ schema }) => {
  let compiled: ((data: unknown) => string) | null = null;
  return (data) => {
    compiled ??= (require('fast-json-stringify') as typeof import('fast-json-stringify'))(schema);
    return compiled(data);
  };
};
