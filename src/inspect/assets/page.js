/** The inspection page: charts of the live machines, what they wait for, and their last events. */
import { ChartView } from './chart-view.js';
import { deadlineOf, durationText, eventText, numbersOf, stateText, timeText } from './format.js';

const eventsMax = 150;
const clientPollMs = 1000;
const reconnectMs = 3000;

const byId = (id) => document.getElementById(id);
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

/** Charts by machine id, in the order of the tabs. @type {Map<string, ChartView>} */
const charts = new Map();
/** Latest snapshot by machine id. */
const snapshots = new Map();
let selected = location.hash.slice(1) || 'round';
let paused = false;
/** Why the client asked for cannot be shown. @type {string | null} */
let refusal = null;
/** Server time minus ours, ms. */
let clockOffsetMs = 0;

// --- charts and tabs ------------------------------------------------------------------------------------------------

async function loadCharts() {
  const answer = await fetch('/inspect/charts');
  if (!answer.ok) throw new Error(`The charts could not be loaded: ${answer.status}`);
  const { charts: drawn } = await answer.json();
  for (const chart of drawn) charts.set(chart.id, new ChartView(chart));
  const tabs = [...charts.keys(), 'all'].map((id) =>
    make(
      'button',
      { type: 'button', role: 'tab', id: `tab-${id}`, onclick: () => select(id) },
      make('strong', { textContent: id }),
      make('span', {
        className: 'tab-state',
        textContent: id === 'client' ? 'look up' : id === 'all' ? 'charts' : '–',
      }),
      make('span', { className: 'tab-time' }),
    ),
  );
  byId('tabs').replaceChildren(...tabs);
  byId('tabs').onkeydown = moveFocus;
  select(charts.has(selected) || selected === 'all' ? selected : charts.keys().next().value);
}

function select(id) {
  selected = id;
  history.replaceState(null, '', `#${id}`);
  for (const tab of byId('tabs').children) {
    const isSelected = tab.id === `tab-${id}`;
    tab.setAttribute('aria-selected', String(isSelected));
    tab.setAttribute('aria-controls', 'stage');
    tab.tabIndex = isSelected ? 0 : -1;
  }
  const shown = id === 'all' ? [...charts.values()] : [charts.get(id)];
  byId('stage').className = id === 'all' ? 'all' : 'one';
  byId('stage').replaceChildren(...shown.map((view) => make('figure', {}, view.element)));
  byId('stage').setAttribute('aria-labelledby', `tab-${id}`);
  byId('lookup').hidden = id !== 'client';
  showActor();
  charts.get(id)?.revealIn(byId('stage'));
}

/** Arrow keys, Home and End move between tabs, as the tab pattern has it. */
function moveFocus(event) {
  const tabs = [...byId('tabs').children];
  const at = tabs.findIndex((tab) => tab.id === `tab-${selected}`);
  const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  const tab = tabs[(next + tabs.length) % tabs.length];
  select(tab.id.slice('tab-'.length));
  tab.focus();
}

// --- the selected machine -------------------------------------------------------------------------------------------

/** Transitions may come faster than frames: the panel is written once a frame, with what is true then. */
let frame = 0;
function showActor() {
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(writeActor);
}

function writeActor() {
  const snapshot = snapshots.get(selected);
  byId('actor-name').textContent = selected === 'all' ? 'all machines' : selected;
  const line = snapshot ? stateLine(snapshot) : unseen();
  // Written only when it changes, so that a screen reader says it once.
  if (byId('actor-state').textContent !== line) byId('actor-state').textContent = line;
  byId('progress').replaceChildren(...progressRows(snapshot?.context));
  const guards = Object.entries(snapshot?.guards ?? {});
  byId('guards-title').hidden = guards.length === 0;
  byId('guards').replaceChildren(
    ...guards.map(([name, holds]) =>
      make(
        'li',
        { className: holds ? 'holds' : 'fails' },
        make('span', { textContent: name }),
        holds ? 'true' : 'false',
      ),
    ),
  );
  byId('context').hidden = !snapshot;
  byId('context').querySelector('pre').textContent = snapshot ? JSON.stringify(snapshot.context, null, 2) : '';
  tick();
}

const stateLine = ({ value, status }) => (status === 'active' ? stateText(value) : `${stateText(value)} (${status})`);

function unseen() {
  if (selected === 'client') return refusal ?? 'Give the id of a client to see its state.';
  if (selected === 'all') return 'Choose a machine to see its guards and deadline.';
  return 'Not started yet.';
}

function progressRows(context) {
  const { tally, target, quorum, plan } = context ?? {};
  const rows = numbersOf(context).map(([name, value]) =>
    make('div', {}, make('dt', { textContent: name }), make('dd', { textContent: value })),
  );
  const contributions = tally?.contributions;
  if (typeof contributions === 'number' && typeof quorum === 'number') {
    // Over-selection makes the cohort larger than what the round closes at.
    const wanted = plan?.cohortSize ?? target;
    const bar = make('progress', { max: Math.max(wanted || 0, quorum, 1), value: contributions });
    bar.setAttribute('aria-label', 'Contributions');
    const text = `${contributions}${wanted ? ` of ${wanted}` : ''} contributions, quorum ${quorum}`;
    rows.unshift(make('div', { className: 'wide' }, make('dt', { textContent: text }), make('dd', {}, bar)));
  }
  return rows;
}

/** Counts the deadlines down. */
function tick() {
  const nowMs = Date.now() + clockOffsetMs;
  for (const [id, { context, status, value }] of snapshots) {
    const tab = byId(`tab-${id}`);
    if (!tab) continue;
    const deadline = status === 'active' ? deadlineOf(context) : null;
    tab.querySelector('.tab-state').textContent = stateText(value);
    tab.querySelector('.tab-time').textContent = deadline ? durationText(deadline.deadlineAtMs - nowMs) : '';
  }
  const snapshot = snapshots.get(selected);
  const deadline = snapshot?.status === 'active' ? deadlineOf(snapshot.context) : null;
  byId('deadline').hidden = !deadline;
  if (!deadline) return;
  const { deadlineAtMs, sinceMs } = deadline;
  byId('deadline-left').textContent = durationText(deadlineAtMs - nowMs);
  const windowMs = sinceMs === null ? 0 : deadlineAtMs - sinceMs;
  byId('deadline-bar').hidden = windowMs <= 0;
  byId('deadline-bar').value = windowMs > 0 ? Math.min(1, Math.max(0, (nowMs - sinceMs) / windowMs)) : 0;
}

// --- events ---------------------------------------------------------------------------------------------------------

function addEvent({ actor, event, value, atMs }) {
  if (paused) return;
  const list = byId('event-list');
  const item = make(
    'li',
    {},
    make(
      'details',
      {},
      make(
        'summary',
        {},
        make('time', { textContent: timeText(atMs) }),
        make('span', { className: 'type', textContent: eventText(event.type) }),
        make('span', { className: 'actor', textContent: actor }),
        make('span', { className: 'value', textContent: stateText(value) }),
      ),
      make('pre'),
    ),
  );
  item.firstElementChild.ontoggle = () => {
    item.querySelector('pre').textContent = JSON.stringify(event, null, 2);
  };
  item.dataset.actor = actor;
  item.dataset.text = `${actor} ${event.type} ${stateText(value)}`.toLowerCase();
  item.hidden = !matchesFilter(item);
  list.prepend(item);
  while (list.childElementCount > eventsMax) list.lastElementChild.remove();
}

const matchesFilter = (item) => item.dataset.text.includes(byId('filter').value.trim().toLowerCase());

byId('filter').oninput = () => {
  for (const item of byId('event-list').children) item.hidden = !matchesFilter(item);
};
byId('pause').onclick = () => {
  paused = !paused;
  byId('pause').setAttribute('aria-pressed', String(paused));
  byId('pause').textContent = paused ? 'Go on' : 'Pause';
};

// --- the feed -------------------------------------------------------------------------------------------------------

function connect() {
  const source = new EventSource('/inspect/events');
  const on = (type, handle) => source.addEventListener(type, ({ data }) => handle(JSON.parse(data)));
  on('hello', ({ nowMs, recent }) => {
    clockOffsetMs = nowMs - Date.now();
    setLink('live', 'live');
    // Perhaps another server than before: what it has not told is not shown.
    for (const actor of [...snapshots.keys()].filter((id) => id !== 'client')) {
      snapshots.delete(actor);
      charts.get(actor)?.light([]);
    }
    showActor();
    if (!paused) byId('event-list').replaceChildren();
    for (const note of recent) addEvent(note);
  });
  on('snapshot', showSnapshot);
  on('transition', (transition) => {
    showSnapshot(transition);
    charts.get(transition.actor)?.flash(transition.edges);
    addEvent(transition);
  });
  source.onerror = () => {
    setLink('lost', 'not connected; trying again…');
    // The browser tries again by itself, unless the server refused.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, reconnectMs);
  };
}

function showSnapshot(snapshot) {
  const before = snapshots.get(snapshot.actor)?.active.join();
  snapshots.set(snapshot.actor, snapshot);
  charts.get(snapshot.actor)?.light(snapshot.active);
  if (snapshot.actor !== selected) return;
  showActor();
  // Only when it moved: the reader may be looking elsewhere.
  if (snapshot.active.join() !== before) charts.get(selected)?.revealIn(byId('stage'));
}

function setLink(state, text) {
  byId('link').dataset.link = state;
  byId('link').textContent = text;
}

// --- any client -----------------------------------------------------------------------------------------------------

let clientTimer;
byId('lookup').onsubmit = (event) => {
  event.preventDefault();
  void showClient(byId('client-id').value.trim());
};

/** Shows a client on the client chart, and again every second while that chart is open. */
async function showClient(clientId) {
  clearTimeout(clientTimer);
  refusal = null;
  const answer = await fetch(`/inspect/clients/${encodeURIComponent(clientId)}`).catch(() => null);
  if (answer?.ok) {
    const { client, active, atMs } = await answer.json();
    showSnapshot({ actor: 'client', value: client.state, status: 'active', active, context: client, guards: {}, atMs });
  } else {
    refusal = answer?.status === 404 ? 'No client has this id.' : 'The server did not answer.';
    snapshots.delete('client');
    charts.get('client')?.light(answer?.status === 404 ? ['client', 'client.unknown'] : []);
    showActor();
  }
  if (answer?.status !== 404)
    clientTimer = setTimeout(() => selected === 'client' && showClient(clientId), clientPollMs);
}

// --- start ----------------------------------------------------------------------------------------------------------

loadCharts()
  .then(() => {
    connect();
    setInterval(tick, 100);
  })
  .catch((error) => setLink('lost', String(error.message ?? error)));
