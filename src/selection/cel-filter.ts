import { type ASTNode, Environment, ParseError } from '@marcbachmann/cel-js';
import type { ClientProfile } from '../domain/client.ts';
import type { AttributeValue } from '../domain/selection-reason.ts';
import { attributeOf } from './attribute.ts';
import type { ClientFilter } from './filter.ts';

const prefix = 'attributes.';
const textLengthMax = 2_000;
const limits = { maxAstNodes: 256, maxDepth: 24, maxListElements: 128, maxMapEntries: 1, maxCallArguments: 2 };

/** Comparisons, logic and lists. No regular expression, which could take for ever, and nothing that walks over attributes. */
const operators = new Set(['value', 'list', '==', '!=', '<', '<=', '>', '>=', 'in', '&&', '||', '!_', '-_']);
const textTests = new Set(['startsWith', 'endsWith', 'contains']);

const environment = new Environment({
  limits,
  homogeneousAggregateLiterals: false,
  unlistedVariablesAreDyn: false,
})
  .registerVariable('attributes', 'map')
  .registerVariable('name', 'dyn');

/** Thrown within this file. @param at characters before it. */
class FilterProblem extends Error {
  readonly at: number;
  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

/**
 * Reads a filter in a part of the Common Expression Language, https://cel.dev: `attributes.NAME` or `attributes["NAME"]`
 * and `name`, null where the client gave none; texts, numbers, true, false, null, lists; `== != < <= > >= in`,
 * `&& || !`, parentheses; `.startsWith("…")`, `.endsWith("…")`, `.contains("…")`. At most 2,000 characters, 24 deep.
 * Comparing what cannot be compared, such as null with a number, makes the filter false for that client. Nothing is
 * compiled to JavaScript. @returns the filter, or a sentence that says where the text is wrong and why.
 */
export function compileFilter(text: string): ClientFilter | { problem: string } {
  if (text.length > textLengthMax)
    return { problem: `The filter has ${text.length} characters; ${textLengthMax} are allowed.` };
  try {
    return filterFrom(text);
  } catch (error) {
    if (error instanceof FilterProblem)
      return { problem: `At character ${error.at + 1} of the filter: ${error.message}.` };
    if (!(error instanceof Error)) throw error;
    const at =
      error instanceof ParseError && error.range ? `At character ${error.range.start + 1} of the filter: ` : '';
    const [message = ''] = error.message.split('\n');
    return {
      problem: `${at}${message.replace(/\.$/, '')}. Write comparisons like attributes.region == "eu", joined by && or ||.`,
    };
  }
}

function filterFrom(text: string): ClientFilter {
  const evaluate = environment.parse(text);
  const reads = new Set<string>();
  readsOf(evaluate.ast, reads);
  const checked = evaluate.check();
  if (checked.error) throw checked.error;
  if (checked.type !== 'bool' && checked.type !== 'dyn') {
    throw new FilterProblem(0, `this is a ${checked.type}, not a condition`);
  }
  const names = [...reads].filter((path) => path !== 'name').map((path) => path.slice(prefix.length));
  // A map, since an attribute may be called constructor; one for all, since clients are tested one after another.
  const attributes = new Map<string, AttributeValue>();
  return {
    text,
    reads: [...reads],
    test(profile: ClientProfile) {
      for (const name of names) attributes.set(name, attributeOf(profile, name));
      try {
        return evaluate({ attributes, name: profile.name ?? null }) === true;
      } catch {
        return false;
      }
    },
  };
}

/** Collects what an expression reads. @throws {FilterProblem} for anything that a filter may not contain. */
function readsOf(node: ASTNode, reads: Set<string>): void {
  const attribute = attributeRead(node);
  if (attribute !== null) {
    reads.add(`${prefix}${attribute}`);
    return;
  }
  if (node.op === 'id' && node.args === 'name') {
    reads.add('name');
    return;
  }
  if (node.op === 'rcall' && textTests.has(node.args[0])) {
    for (const part of [node.args[1], ...node.args[2]]) readsOf(part, reads);
    return;
  }
  if (!operators.has(node.op)) throw new FilterProblem(node.start, refusalOf(node));
  for (const part of partsOf(node)) readsOf(part, reads);
}

function refusalOf(node: ASTNode): string {
  if (node.op === 'id' && node.args === 'attributes') return 'expected attributes.NAME';
  if (node.op === 'id') return `${node.args} is unknown; expected attributes.NAME or name`;
  if (node.op === 'call' && node.args[0] === 'has') return 'has() is not needed; write attributes.NAME != null';
  if (node.op === 'call' || node.op === 'rcall') return `${node.args[0]}() is not allowed here`;
  return `${node.op} is not allowed here`;
}

const partsOf = (node: ASTNode): ASTNode[] =>
  (Array.isArray(node.args) ? node.args : [node.args]).filter(
    (part): part is ASTNode => typeof part === 'object' && part !== null && 'op' in part,
  );

/** The name in `attributes.NAME` or `attributes["NAME"]`, else null. */
function attributeRead(node: ASTNode): string | null {
  if (node.op !== '.' && node.op !== '[]') return null;
  const [owner, name] = node.args;
  if (owner.op !== 'id' || owner.args !== 'attributes') return null;
  if (typeof name === 'string') return name;
  return name.op === 'value' && typeof name.args === 'string' ? name.args : null;
}
