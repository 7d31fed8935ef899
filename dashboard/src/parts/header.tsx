import { link, trouble } from '../state/live.ts';
import { shownStatus } from '../state/moment.ts';
import { hrefOf } from '../state/route.ts';
import { chooseTheme, type Theme, theme, themes } from '../state/theme.ts';
import { count } from '../words/numbers.ts';
import { phaseText } from '../words/sentences.ts';
import { SignOut } from './sign-in.tsx';

const linkWords = { connecting: 'Connecting', live: 'Live', lost: 'Not connected', asleep: 'Asleep' };
const themeWords: Readonly<Record<Theme, string>> = { system: 'Auto', light: 'Light', dark: 'Dark' };

export function Header() {
  const { round = 0, roundsTotal = 0, phase, kind = null } = shownStatus.value ?? {};
  return (
    <header class="top">
      <a class="brand" href={hrefOf('run')}>
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="8" />
          <path d="M7 20c3-8 15-8 18 0" />
          <path d="M10.5 23.5c2-5 9-5 11 0" />
          <circle cx="16" cy="9" r="2.3" />
        </svg>
        <h1>Chorus</h1>
      </a>
      <p class="glance">
        {phase && (
          <>
            <b>{phaseText(phase, kind)}</b>
            {round > 0 && (
              <span class="faint wide">
                round {count(round)} of {count(roundsTotal)}
              </span>
            )}
          </>
        )}
      </p>
      <p class={`link is-${link.value}`} title={trouble.value ?? undefined}>
        <i aria-hidden="true" />
        {linkWords[link.value]}
      </p>
      <SignOut />
      <label class="theme">
        <span class="sr-only">Colours</span>
        <select value={theme.value} onChange={({ currentTarget }) => chooseTheme(currentTarget.value as Theme)}>
          {themes.map((one) => (
            <option key={one} value={one}>
              {themeWords[one]}
            </option>
          ))}
        </select>
      </label>
    </header>
  );
}
