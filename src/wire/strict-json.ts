/** Values as the strict parser gives them: objects as maps, so that no key can touch a prototype. */
export type JsonValue = string | number | boolean | null | JsonValue[] | Map<string, JsonValue>;

/** Nesting that a file header may have; ours needs three. */
const depthMax = 8;
/** Everything but texts: those may be longer than a regular expression can walk. */
const token = /[ \t\n\r]*([{}[\],:"]|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|$)/y;

/**
 * Parses one JSON object, stricter than `JSON.parse`: a repeated key, which different readers would take differently,
 * is refused, and so are deep nesting and more values than asked for.
 * @param fail makes the error to throw; nothing else is thrown.
 * @param limits valuesMax: objects, lists, texts, numbers, … in all; bounds memory, which they take more of than text.
 */
export function parseJsonObject(
  text: string,
  fail: (detail: string) => Error,
  { valuesMax }: { valuesMax: number },
): Map<string, JsonValue> {
  let at = 0;
  let values = 0;

  /** The next token; a text comes with its quotes. */
  function next(): string {
    token.lastIndex = at;
    const match = token.exec(text);
    if (match?.[1] === undefined) throw fail(`The JSON is malformed at character ${at}`);
    at = token.lastIndex;
    return match[1] === '"' ? restOfText() : match[1];
  }

  function restOfText(): string {
    const start = at - 1;
    let end = at;
    do {
      end = text.indexOf('"', end) + 1;
      if (end === 0) throw fail(`The JSON has a text without an end, from character ${start}`);
    } while (isEscaped(end - 1));
    at = end;
    return text.slice(start, end);
  }

  /** Whether an odd number of backslashes stands before. */
  function isEscaped(index: number): boolean {
    let first = index;
    while (text[first - 1] === '\\') first -= 1;
    return (index - first) % 2 === 1;
  }

  function scalar(literal: string): string | number | boolean | null {
    try {
      return JSON.parse(literal) as string | number | boolean | null;
    } catch {
      throw fail(`The JSON has a text with a forbidden character or escape before character ${at}`);
    }
  }

  function expect(wanted: string): void {
    if (next() !== wanted) throw fail(`The JSON lacks a "${wanted}" before character ${at}`);
  }

  function value(first: string, depth: number): JsonValue {
    if (depth > depthMax) throw fail(`The JSON is nested deeper than ${depthMax} levels`);
    values += 1;
    if (values > valuesMax) throw fail(`The JSON has more than ${valuesMax} values`);
    if (first === '{') return object(depth);
    if (first === '[') return array(depth);
    if (first === '' || '}],:'.includes(first)) throw fail(`The JSON lacks a value before character ${at}`);
    return scalar(first);
  }

  function object(depth: number): Map<string, JsonValue> {
    const members = new Map<string, JsonValue>();
    let key = next();
    if (key === '}') return members;
    for (;;) {
      if (!key.startsWith('"')) throw fail(`The JSON has a key that is no text before character ${at}`);
      const name = scalar(key) as string;
      if (members.has(name)) throw fail(`The JSON has the key "${name.slice(0, 64)}" twice`);
      expect(':');
      members.set(name, value(next(), depth + 1));
      const after = next();
      if (after === '}') return members;
      if (after !== ',') throw fail(`The JSON lacks a "," before character ${at}`);
      key = next();
    }
  }

  function array(depth: number): JsonValue[] {
    const items: JsonValue[] = [];
    let first = next();
    if (first === ']') return items;
    for (;;) {
      items.push(value(first, depth + 1));
      const after = next();
      if (after === ']') return items;
      if (after !== ',') throw fail(`The JSON lacks a "," before character ${at}`);
      first = next();
    }
  }

  expect('{');
  const members = object(0);
  if (next() !== '') throw fail(`The JSON goes on after its object, at character ${at}`);
  return members;
}
