/** Whatever an actor holds, as bounded plain JSON without secrets: what inspection may show. */

export type Plain = null | boolean | number | string | Plain[] | { [key: string]: Plain };

export interface PlainLimits {
  /** Values kept in all; then `…`. @default 600 */
  valuesMax: number;
  /** Elements kept of an array, set or map. @default 20 */
  itemsMax: number;
  /** Characters kept of a text. @default 500 */
  textLengthMax: number;
  /** Levels of nesting kept. @default 8 */
  depthMax: number;
}

const defaults: PlainLimits = { valuesMax: 600, itemsMax: 20, textLengthMax: 500, depthMax: 8 };

/** Keys whose values never leave the process: `trainingToken`, `token`, `CLIENT_TOKEN`, `tokens`, … */
const secretKey = /(token|secret|password|authorization)s?$/i;

/**
 * Copies a value as plain JSON, within limits whatever its size, shape or cycles. Values under a key that ends with
 * "token" (and other names of secrets) are redacted; bytes and functions are named, not copied.
 */
export function toPlain(value: unknown, limits: Partial<PlainLimits> = {}): Plain {
  const { valuesMax, itemsMax, textLengthMax, depthMax } = { ...defaults, ...limits };
  let left = valuesMax;

  const copy = (item: unknown, depth: number): Plain => {
    if (left <= 0) return '…';
    left -= 1;
    if (item === null || item === undefined) return null;
    if (typeof item === 'boolean') return item;
    // JSON has no negative zero: adding makes it 0.
    if (typeof item === 'number') return Number.isFinite(item) ? item + 0 : String(item);
    if (typeof item === 'string') return item.length <= textLengthMax ? item : `${item.slice(0, textLengthMax)}…`;
    if (typeof item !== 'object') return typeof item === 'function' ? '[function]' : String(item);
    const named = nameOfOpaque(item);
    if (named !== null) return named;
    if (depth >= depthMax) return '…';
    if (Array.isArray(item)) return copyItems(item, item.length, depth);
    if (item instanceof Set) return copyItems(item, item.size, depth);
    if (item instanceof Map) return copyEntries(item, item.size, depth);
    if (item instanceof Error) return copyEntries(errorEntries(item), 3, depth);
    return copyEntries(Object.entries(item), Object.keys(item).length, depth, Number.POSITIVE_INFINITY);
  };

  const copyItems = (items: Iterable<unknown>, total: number, depth: number): Plain[] => {
    const copied: Plain[] = [];
    for (const item of items) {
      if (copied.length >= itemsMax || left <= 0) {
        copied.push(`… ${total - copied.length} more`);
        break;
      }
      copied.push(copy(item, depth + 1));
    }
    return copied;
  };

  const copyEntries = (entries: Iterable<[unknown, unknown]>, total: number, depth: number, entriesMax = itemsMax) => {
    // No prototype, so that a key such as `__proto__` is a key like any other.
    const copied: { [key: string]: Plain } = Object.create(null);
    let count = 0;
    for (const [key, item] of entries) {
      if (count >= entriesMax || left <= 0) {
        copied['…'] = `${total - count} more`;
        break;
      }
      const name = String(key).slice(0, textLengthMax);
      copied[name] = secretKey.test(name) && item !== null ? '[redacted]' : copy(item, depth + 1);
      count += 1;
    }
    return copied;
  };

  return copy(value, 0);
}

/** Bytes and live actors are shown by what they are. */
function nameOfOpaque(item: object): string | null {
  if (ArrayBuffer.isView(item) || item instanceof ArrayBuffer || item instanceof SharedArrayBuffer) {
    return `[${item.constructor.name}, ${item.byteLength} bytes]`;
  }
  if ('sessionId' in item && 'getSnapshot' in item) return '[actor]';
  if (item instanceof Date) return item.toString();
  return null;
}

const errorEntries = (error: Error): [string, unknown][] => [
  ['name', error.name],
  ['message', error.message],
  ['code', 'code' in error ? error.code : null],
];
