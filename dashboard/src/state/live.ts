/** What the server says now, as signals. Everything here is bounded, and written at most once a frame. */
import { batch, effect, signal } from '@preact/signals';
import type { News, RoundSummary } from '../../../src/dashboard/contract.ts';
import type { ChorusEvent, RunView, Status } from '../../../src/domain/handle.ts';
import type { ModelView } from '../../../src/domain/model.ts';
import { api } from '../api/api.ts';
import { follow, type Link } from '../api/follow.ts';
import { sentenceOf } from '../api/problem.ts';

/** Events kept for the list of what happened last. */
const eventsKeptMax = 400;
/** Attempts at rounds kept for charts and tables. */
const roundsKeptMax = 1_000;
/** Attempts asked for when something has changed, and one more for each that has ended, so that none is missed. */
const roundsAtOnce = 5;
/** While rounds end faster than this, they are asked for together, ms. */
const calmMs = 400;

export const status = signal<Status | null>(null);
/** Oldest first. */
export const rounds = signal<readonly RoundSummary[]>([]);
/** Newest first. */
export const events = signal<readonly ChorusEvent[]>([]);
export const run = signal<RunView | null>(null);
/** Oldest first; null: not asked for yet. */
export const models = signal<readonly ModelView[] | null>(null);
export const link = signal<Link>('connecting');
/** Why the server's answers could not be read, or null. */
export const trouble = signal<string | null>(null);
/** The server's clock minus ours, ms. */
export const clockOffsetMs = signal(0);

export const serverNow = (): number => Date.now() + clockOffsetMs.peek();

const keyOf = ({ run: id, round, attempt }: RoundSummary): string => `${id} ${round} ${attempt}`;

/** Puts attempts where they belong; what is there already is replaced. */
function mergeRounds(newest: readonly RoundSummary[]): void {
  const merged = new Map(rounds.peek().map((one) => [keyOf(one), one]));
  for (const one of [...newest].reverse()) merged.set(keyOf(one), one);
  const inOrder = [...merged.values()].sort((a, b) => a.openedAtMs - b.openedAtMs || a.attempt - b.attempt);
  rounds.value = inOrder.slice(-roundsKeptMax);
}

async function readRounds(limit: number): Promise<void> {
  const { rounds: newest } = await api.rounds(limit);
  if (limit === roundsKeptMax) rounds.value = [];
  mergeRounds(newest);
}

async function readModels(): Promise<void> {
  const { models: all } = await api.models();
  models.value = all;
}

/** Asks again what events have made stale, together and not too often. */
const stale = { rounds: 0, models: false, run: false };
let refreshTimer = 0;

function refreshSoon(): void {
  if (refreshTimer !== 0) return;
  refreshTimer = window.setTimeout(() => {
    void refresh().finally(() => {
      refreshTimer = 0;
      if (stale.rounds > 0 || stale.models || stale.run) refreshSoon();
    });
  }, calmMs);
}

async function refresh(): Promise<void> {
  const { rounds: limit, models: needsModels, run: needsRun } = stale;
  Object.assign(stale, { rounds: 0, models: false, run: false });
  try {
    await Promise.all([
      limit > 0 ? readRounds(limit) : null,
      needsModels ? readModels() : null,
      needsRun && status.peek()?.run ? api.run().then((answer) => (run.value = answer)) : null,
    ]);
    trouble.value = null;
  } catch (error) {
    trouble.value = sentenceOf(error);
    hasGaps = true;
  }
}

/** Events after which something new is known of a model. */
const modelNews = ['round.committed', 'round.evaluated', 'model.judged', 'model.installed'];

/** Something could not be read: with the next news, all is read again. */
let hasGaps = false;

let server = '';

function takeNews(news: News): void {
  const isNew = server !== news.server;
  if (isNew || news.missed || hasGaps) Object.assign(stale, { rounds: roundsKeptMax, models: true, run: true });
  server = news.server;
  hasGaps = false;
  for (const { type } of news.events) {
    if (type === 'phase') stale.rounds ||= roundsAtOnce;
    // Rounds may end faster than they are asked for.
    if (type.startsWith('round.')) stale.rounds = Math.min(roundsKeptMax, Math.max(stale.rounds, roundsAtOnce) + 1);
    if (modelNews.includes(type)) stale.models = true;
    if (type === 'phase') stale.run = true;
  }
  batch(() => {
    status.value = news.status;
    clockOffsetMs.value = news.nowMs - Date.now();
    const kept = isNew ? [] : events.peek();
    if (news.events.length > 0 || isNew) {
      events.value = [...news.events.slice(-eventsKeptMax).reverse(), ...kept].slice(0, eventsKeptMax);
    }
  });
  if (stale.rounds > 0 || stale.models || stale.run) refreshSoon();
}

/** Drawn once a frame, whatever comes in between. */
let waiting: News[] = [];
let frame = 0;

function takeInNextFrame(news: News): void {
  waiting.push(news);
  if (frame !== 0) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    const together = waiting;
    waiting = [];
    const last = together.at(-1);
    if (!last) return;
    takeNews({
      ...last,
      events: together.flatMap((one) => one.events),
      missed: together.some(({ missed }) => missed),
    });
  });
}

/** Begins to follow the server. */
export function startLive(): void {
  follow({
    path: '/dashboard/stream',
    take: ({ event, data }) => {
      if (event === 'news') takeInNextFrame(JSON.parse(data) as News);
    },
    onLink: (next) => {
      link.value = next;
    },
  });
}

effect(() => {
  const { round = 0, roundsTotal = 0, phase = '' } = status.value ?? {};
  document.title = phase === '' ? 'Chorus' : `${round} of ${roundsTotal}, ${phase} – Chorus`;
});
