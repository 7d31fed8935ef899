import type { SettingSpec } from '../../domain/settings.ts';

const integerPattern = /^-?\d+$/;
const numberPattern = /^-?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

/**
 * Reads a value as it is written in a flag or a variable. Strict: "1e3x" is no number, and "12.0" no integer. What does
 * not parse is given back as it is, so that the setting's own check names it and says what to give instead.
 */
export function parseValue(spec: SettingSpec, text: string): unknown {
  switch (spec.kind) {
    case 'integer':
      if (text === 'none' && spec.default === null) return null;
      return integerPattern.test(text) ? Number(text) : text;
    case 'number':
      if (text === 'none' && spec.default === null) return null;
      return numberPattern.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'record':
    case 'schedule':
      return parseJson(text);
    case 'choice':
    case 'text':
      return text;
  }
}

/**
 * Reads `name=value`, one entry of a record: a number, true, false, or text. `name="12"` is the text 12.
 * @returns null when there is no name or no `=`.
 */
export function parseEntry(text: string): { name: string; value: unknown } | null {
  const at = text.indexOf('=');
  if (at < 1) return null;
  const written = text.slice(at + 1);
  if (numberPattern.test(written)) return { name: text.slice(0, at), value: Number(written) };
  if (written === 'true' || written === 'false') return { name: text.slice(0, at), value: written === 'true' };
  return { name: text.slice(0, at), value: written.startsWith('"') ? parseJson(written) : written };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
