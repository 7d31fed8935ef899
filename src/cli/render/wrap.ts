import { stripVTControlCharacters } from 'node:util';

const lengthOf = (text: string): number => stripVTControlCharacters(text).length;

/** A word in pieces that fit; one with colours is left whole, since they must not be cut. */
function fitted(word: string, width: number): string[] {
  if (lengthOf(word) <= width || lengthOf(word) !== word.length) return [word];
  return word.match(new RegExp(`.{1,${width}}`, 'gsu')) ?? [word];
}

/** A text in lines of at most `width` characters, from 1, broken between words; within one that is longer. Colours take no room. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ').flatMap((one) => fitted(one, width))) {
    if (line !== '' && lengthOf(line) + 1 + lengthOf(word) > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
