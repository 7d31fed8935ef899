import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);

export const rootPath = fileURLToPath(root);

/** A Markdown page. */
export interface Page {
  /** From the root of the repository. */
  path: string;
  text: string;
}

/** Pages in a folder and in all below it. */
const markdownIn = (folder: string): string[] =>
  readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}${name.replaceAll('\\', '/')}`)
    .sort();

export const readPage = (path: string): Page => ({ path, text: readFileSync(new URL(path, root), 'utf8') });

/** Every page that people read. */
export const pages: readonly Page[] = [...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'], ...markdownIn('docs/')].map(
  readPage,
);

export interface CodeBlock {
  language: string;
  code: string;
}

export function codeBlocks({ text }: Page): CodeBlock[] {
  return [...text.matchAll(/^```(\w*)\n(.*?)^```/gms)].map(([, language = '', code = '']) => ({ language, code }));
}

/** The page without its code blocks. */
export const proseOf = ({ text }: Page): string => text.replace(/^```.*?^```/gms, '');

/** What stands between backticks in the prose. */
export const inlineCode = (page: Page): string[] =>
  [...proseOf(page).matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);

/** The cells of every table row, header rows included; cells hold no escaped bars in our pages. */
export const tableRows = (text: string): string[][] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );

/** The part of a page under one heading, up to the next of the same level or above. */
export function sectionOf({ path, text }: Page, heading: string): string {
  // Of the same length, so that places in it are places in the text; a comment in a shell block is no heading.
  const outline = text.replace(/^```.*?^```/gms, (block) => ' '.repeat(block.length));
  const found = new RegExp(`^(#+) ${heading}$`, 'm').exec(outline);
  if (!found) throw new Error(`${path} has no heading "${heading}"`);
  const [line, level = ''] = found;
  const start = found.index + line.length;
  const length = outline.slice(start).search(new RegExp(`^#{1,${level.length}} `, 'm'));
  return length === -1 ? text.slice(start) : text.slice(start, start + length);
}

/** The anchors that a page's headings get. */
export const anchorsOf = (page: Page): Set<string> =>
  new Set(
    [...proseOf(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
