/** Values as the strict parser gives them: objects as maps, so that no key can touch a prototype. */
export type JsonValue = string | number | boolean | null | JsonValue[] | Map<string, JsonValue>;

/** Nesting that a file header may have; ours needs three. */
const depthMax = 8;
const token = /[ \t\n\r]*([{}[\],:]|"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|$)/y;

/**
 * Parses one JSON object, stricter than `JSON.parse`: a repeated key, which different readers would take differently,
 * is refused, and so is deep nesting.
 * @param fail makes the error to throw; nothing else is thrown.
 */
export function parseJsonObject(text: string, fail: (detail: string) => Error): Map<string, JsonValue> {
  let at = 0;

  function next(): string {
    token.lastIndex = at;
    const match = token.exec(text);
    if (match?.[1] === undefined) throw fail(`The JSON is malformed at character ${at}`);
    at = token.lastIndex;
    return match[1];
  }

  function expect(wanted: string): void {
    if (next() !== wanted) throw fail(`The JSON lacks a "${wanted}" before character ${at}`);
  }

  function value(first: string, depth: number): JsonValue {
    if (depth > depthMax) throw fail(`The JSON is nested deeper than ${depthMax} levels`);
    if (first === '{') return object(depth);
    if (first === '[') return array(depth);
    if (first === '' || '}],:'.includes(first)) throw fail(`The JSON lacks a value before character ${at}`);
    return JSON.parse(first) as string | number | boolean | null;
  }

  function object(depth: number): Map<string, JsonValue> {
    const members = new Map<string, JsonValue>();
    let key = next();
    if (key === '}') return members;
    for (;;) {
      if (!key.startsWith('"')) throw fail(`The JSON has a key that is no text before character ${at}`);
      const name = JSON.parse(key) as string;
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
