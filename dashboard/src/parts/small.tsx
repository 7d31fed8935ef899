import type { ComponentChildren } from 'preact';
import type { RoundKind } from '../../../src/domain/round.ts';
import { useTick } from '../state/clock.ts';
import { shownNow } from '../state/moment.ts';
import { hrefOf } from '../state/route.ts';
import { countdown, shortId } from '../words/numbers.ts';
import type { Tone } from '../words/sentences.ts';

export function Pill({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return <span class={`pill tone-${tone}`}>{children}</span>;
}

/** Time left until a moment; read out when asked for, never by itself. */
export function Countdown({ toMs }: { toMs: number }) {
  useTick();
  return (
    <span class="countdown" role="timer" aria-live="off">
      {countdown(toMs - shownNow())}
    </span>
  );
}

/** How much of a window is used. */
export function WindowBar({ fromMs, toMs, label }: { fromMs: number; toMs: number; label: string }) {
  useTick();
  const share = toMs > fromMs ? (shownNow() - fromMs) / (toMs - fromMs) : 0;
  return <progress class="window" max={1} value={Math.min(1, Math.max(0, share))} aria-label={label} />;
}

/** Beside a round's number: which attempt at it, where that is not the first. Evaluations are counted among them. */
export function AttemptText({ attempt, kind }: { attempt: number; kind: RoundKind }) {
  if (kind === 'evaluation') return <span class="faint"> evaluation</span>;
  return attempt > 1 ? <span class="faint"> attempt {attempt}</span> : null;
}

/** A value so long is a name: set smaller, and whole in its title, characters. */
const nameLengthMin = 10;

export function Tile({
  label,
  value,
  detail,
}: {
  label: string;
  value: ComponentChildren;
  detail?: ComponentChildren;
}) {
  return (
    <div class="tile card">
      <dt>{label}</dt>
      <dd>
        {typeof value === 'string' && value.length > nameLengthMin ? (
          <b class="is-name" title={value}>
            {value}
          </b>
        ) : (
          <b>{value}</b>
        )}
        {detail !== undefined && <span class="faint">{detail}</span>}
      </dd>
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty card">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function ClientLink({ clientId }: { clientId: string }) {
  return (
    <a class="id" href={hrefOf('clients', clientId)} title={clientId}>
      {shortId(clientId)}
    </a>
  );
}

export function Trouble({ children }: { children: ComponentChildren }) {
  return (
    <p class="trouble" role="alert">
      {children}
    </p>
  );
}
