import { planSettings } from './plan.ts';
import type { SettingSpec, SettingTable } from './settings.ts';

type JsonSchema = Record<string, unknown>;

/** Beyond these a bound says nothing. */
const boundMax = Number.MAX_SAFE_INTEGER;

/** A plan as a document, for editors: a JSON Schema made from the table of its settings. What it cannot say, the rules between settings, `chorus plan check` tells. */
export function planSchema(): JsonSchema {
  const table: SettingTable = planSettings;
  const settings = Object.entries(table).map(([name, spec]) => [name, propertyOf(spec)]);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Plan of a Chorus run',
    description: 'What a run is to do, as TOML or JSON. What is left out comes from the settings of the server.',
    type: 'object',
    additionalProperties: false,
    properties: {
      $schema: { type: 'string', description: 'Where this schema is, for editors.' },
      ...Object.fromEntries(settings),
    },
  };
}

function propertyOf(spec: SettingSpec): JsonSchema {
  const { help, default: usual } = spec;
  return { description: help, default: usual, ...valuesOf(spec) };
}

/** Types that may be null: to unset what the server has. */
const orNull = (type: string, usual: unknown): string | string[] => (usual === null ? [type, 'null'] : type);

const scalars = { type: 'object', additionalProperties: { type: ['number', 'string', 'boolean'] } };

function valuesOf(spec: SettingSpec): JsonSchema {
  switch (spec.kind) {
    case 'integer':
    case 'number':
      return {
        type: orNull(spec.kind, spec.default),
        ...(spec.min >= -boundMax ? { minimum: spec.min } : {}),
        ...(spec.max <= boundMax ? { maximum: spec.max } : {}),
      };
    case 'choice':
      return choiceSchema(spec);
    case 'boolean':
      return { type: 'boolean' };
    case 'text':
      return { type: orNull('string', spec.default) };
    case 'record':
      return scalars;
    case 'schedule':
      return {
        type: 'array',
        items: {
          type: 'object',
          required: ['fromRound', 'values'],
          additionalProperties: false,
          properties: { fromRound: { type: 'integer', minimum: 1 }, values: scalars },
        },
      };
  }
}

function choiceSchema({ choices, or, outside }: SettingSpec & { kind: 'choice' }): JsonSchema {
  const listed = { enum: [...choices] };
  const patterns = [...(or ? [`^${or.prefix}.+`] : []), ...(outside ? [outside.pattern.source] : [])];
  if (patterns.length === 0) return listed;
  return { anyOf: [listed, ...patterns.map((pattern) => ({ type: 'string', pattern }))] };
}
