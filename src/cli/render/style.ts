import { styleText } from 'node:util';

/** How text is set off. Without colours, every function gives its text back. */
export interface Style {
  strong(text: string): string;
  faint(text: string): string;
  good(text: string): string;
  warning(text: string): string;
  bad(text: string): string;
}

const plain = (text: string): string => text;

export const plainStyle: Style = { strong: plain, faint: plain, good: plain, warning: plain, bad: plain };

/** Whether there are colours is decided here, by the stream that is written to; Node would look at standard output. */
const colour = (name: 'bold' | 'dim' | 'green' | 'yellow' | 'red') => (text: string) =>
  styleText(name, text, { validateStream: false });

const colours: Style = {
  strong: colour('bold'),
  faint: colour('dim'),
  good: colour('green'),
  warning: colour('yellow'),
  bad: colour('red'),
};

/** Whether a stream shows colours: a terminal, unless `NO_COLOR` is set to anything or the terminal is dumb. */
export const hasColours = (
  stream: { isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>> = process.env,
): boolean => stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';

/** The style that fits a stream. */
export const styleFor = (
  stream: { isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>> = process.env,
): Style => (hasColours(stream, env) ? colours : plainStyle);
