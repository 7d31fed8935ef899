import { Ajv } from 'ajv';
import type { FastifySchemaCompiler } from 'fastify';

/** Bodies are taken as they are: a number sent as text is a mistake. Paths, queries and headers are always text. */
const strict = new Ajv({ removeAdditional: false, coerceTypes: false, useDefaults: true, strict: false });
const lenient = new Ajv({ removeAdditional: false, coerceTypes: true, useDefaults: true, strict: false });

export const validatorCompiler: FastifySchemaCompiler<object> = ({ schema, httpPart }) =>
  (httpPart === 'body' ? strict : lenient).compile(schema);
