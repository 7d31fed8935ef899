/**
 * Sizes of text without a browser. The widths are those of common sans-serif faces, rounded up a little, so that a
 * label never spills over its box whichever face the reader's system has; and they are the same on every machine,
 * which keeps exported charts stable.
 */

const narrow = /[ijlI.,:;'|!()[\]\s/]/;
const wide = /[mwMW@%]/;
const upper = /[A-Z]/;

/** @returns the width of one line, in px. @param sizePx font size. @param bold adds what a semibold face needs. */
export function textWidth(text: string, sizePx: number, bold = false): number {
  let ems = 0;
  for (const character of text) {
    if (narrow.test(character)) ems += 0.32;
    else if (wide.test(character)) ems += 0.9;
    else if (upper.test(character)) ems += 0.7;
    else ems += 0.58;
  }
  return ems * sizePx * (bold ? 1.12 : 1);
}

/** @returns `text` broken at spaces into lines no wider than `widthPxMax`; a longer word stays whole. */
export function wrapText(text: string, sizePx: number, widthPxMax: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    const last = lines.at(-1);
    if (last !== undefined && textWidth(`${last} ${word}`, sizePx) <= widthPxMax)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
