import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { errorCatalogue } from '../../src/domain/errors.ts';
import { anchorsOf, codeBlocks, inlineCode, type Page, pages, proseOf, readPage, rootPath } from './pages.ts';

const everyCommand = (command: Command): Command[] => [command, ...command.commands.flatMap(everyCommand)];
const sourceText = ['src', 'test', 'examples', 'scripts']
  .flatMap((folder) => readdirSync(join(rootPath, folder), { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
  .join('\n');

/** Targets of links and sources of pictures, in Markdown and in HTML. */
const linksIn = (page: Page): string[] =>
  [...proseOf(page).matchAll(/\]\(([^)\s]+)\)|\b(?:href|src|srcset)="([^"\s]+)"/g)].map(
    ([, markdown, html]) => markdown ?? html ?? '',
  );

describe.each(pages.map((page) => [page.path, page] as const))('%s', (path, page) => {
  it('has no link into the repository that leads nowhere', () => {
    for (const target of linksIn(page)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const linked = file === '' ? path : join(dirname(path), file);
      expect(existsSync(join(rootPath, linked)), `${path} links to ${target}`).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(readPage(linked)), `${path} links to ${target}`).toContain(anchor);
    }
  });

  it('names only files and folders that exist', () => {
    for (const code of inlineCode(page)) {
      if (!/^(src|test|docs|scripts|examples)\/[\w./-]*$/.test(code)) continue;
      expect(existsSync(join(rootPath, code)), `${path} names ${code}`).toBe(true);
    }
  });

  it('names only scripts that npm can run', () => {
    const { scripts } = JSON.parse(readFileSync(join(rootPath, 'package.json'), 'utf8'));
    for (const [, script = ''] of page.text.matchAll(/npm (?:run )?(start|test|(?<=run )[\w:-]+)\b/g)) {
      expect(Object.keys(scripts), `${path} names the script ${script}`).toContain(script);
    }
  });

  it('names only codes of the catalogue, and variables and identifiers that the code knows', () => {
    for (const code of inlineCode(page)) {
      if (/^CHORUS(_[A-Z]+)+$/.test(code.replace(/=.*/, ''))) {
        const variable = code.replace(/=.*/, '');
        const name = variable
          .slice('CHORUS_'.length)
          .toLowerCase()
          .replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
        expect(
          sourceText.includes(variable) || new RegExp(`\\b${name}: \\{`).test(sourceText),
          `${path} names ${variable}`,
        ).toBe(true);
      } else if (/^OTEL(_[A-Z]+)+$/.test(code)) {
        expect(sourceText.includes(code), `${path} names ${code}`).toBe(true);
      } else if (/^[A-Z]+(_[A-Z]+)+$/.test(code)) {
        expect(Object.keys(errorCatalogue), `${path} names ${code}`).toContain(code);
      } else if (/^[a-z][a-z0-9]*([A-Z][a-z0-9]*)+$/.test(code)) {
        expect(new RegExp(`\\b${code}\\b`).test(sourceText), `${path} names ${code}`).toBe(true);
      }
    }
  });

  it('names only flags and commands that the command line has', () => {
    const commands = everyCommand(createProgram());
    const flags = new Set(commands.flatMap(({ options }) => options.map(({ long }) => long)));
    const names = new Set(commands.map((command) => command.name()));
    const lines = codeBlocks(page).flatMap(({ code }) => code.split('\n'));
    const said = [...inlineCode(page), ...lines].filter((text) =>
      /^(--|(npm ci && )?npm start --|npx chorus )/.test(text),
    );
    for (const text of said) {
      for (const [flag] of text.matchAll(/(?<= |^)--[a-z][a-z-]+/g)) {
        if (flag !== '--check') expect(flags, `${path} says ${text}`).toContain(flag);
      }
      const [, command] = /^npx chorus (\w+)/.exec(text) ?? [];
      if (command !== undefined && command !== 'help') expect(names, `${path} says ${text}`).toContain(command);
    }
  });
});

it('lists every decision in their index', () => {
  const index = readPage('docs/adr/README.md').text;
  for (const { path, text } of pages.filter((page) => /adr\/\d/.test(page.path))) {
    const [, number, title] = /^# (\d{4}): (.+)$/m.exec(text) ?? [];
    expect(index).toContain(`| [${number}](${path.slice('docs/adr/'.length)}) | ${title} |`);
    expect([...text.matchAll(/^\*\*(\w+)\.\*\*/gm)].map(([, part]) => part)).toEqual([
      'Context',
      'Decision',
      'Consequences',
    ]);
  }
});
