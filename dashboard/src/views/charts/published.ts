/** What the event stream tells of the events that machines react to. Pure. */

const ended = ['round.committed', 'round.evaluated', 'round.abandoned'];
const out = ['client.excluded'];
const operated = ['operation'];

/** Types of published events, by the event of a chart that they are published for. */
const types: Readonly<Record<string, readonly string[]>> = {
  'update.accepted': ['update.accepted', 'result.accepted'],
  trainingEnded: ['update.accepted', 'result.accepted'],
  trainingFailed: out,
  trainingDeadlinePassed: out,
  heartbeatTimedOut: out,
  leave: out,
  rendezvous: out,
  'membership.changed': ['membership', ...out],
  'selection.made': ['clients.selected'],
  select: ['clients.selected'],
  roundEnded: ended,
  'round.closed': ended,
  'done: round': ended,
  'done: commit': ['round.committed'],
  'error: commit': ['round.abandoned'],
  'error: aggregate': ['round.abandoned'],
  'done: judge': ['model.judged'],
  'error: judge': ['evaluation.missed'],
  'model.installed': ['model.installed'],
  'service.lost': ['aggregator.lost'],
  'done: start': ['aggregator.restarted'],
  'run.start': operated,
  'run.pause': operated,
  'run.resume': operated,
  'run.stop': operated,
  'round.pause': operated,
  'round.abort': operated,
  'deadline.extended': operated,
  'quorum.lowered': operated,
  evict: operated,
  readmit: operated,
};

/** @returns none: nothing is published when it comes. */
export const publishedAs = (event: string): readonly string[] => types[event] ?? [];
