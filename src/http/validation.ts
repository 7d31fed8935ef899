import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import fastJson from 'fast-json-stringify';
import type { FastifySchemaCompiler, FastifySerializerCompiler } from 'fastify';

/** Our schemas are typed and tested; checking them against the metaschema at each start would only take time. */
const shared = { removeAdditional: false, useDefaults: true, strict: false, meta: false, validateSchema: false };

let strict: Ajv | null = null;
let lenient: Ajv | null = null;

/** Bodies are taken as they are: a number sent as text is a mistake. Paths, queries and headers are always text. */
function compile(schema: object, httpPart: string | undefined): ValidateFunction {
  if (httpPart === 'body') {
    strict ??= new Ajv({ ...shared, coerceTypes: false });
    return strict.compile(schema);
  }
  lenient ??= new Ajv({ ...shared, coerceTypes: true });
  return lenient.compile(schema);
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
    compiled ??= fastJson(schema);
    return compiled(data);
  };
};
