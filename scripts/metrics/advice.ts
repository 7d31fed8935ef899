/** What each metric is measured in, and what to do when it moves. Kept beside the code by a test. */
export interface Advice {
  unit: string;
  advice: string;
}

const clients = (advice: string): Advice => ({ unit: 'clients', advice });
const count = (advice: string): Advice => ({ unit: 'count', advice });
const bytes = (advice: string): Advice => ({ unit: 'bytes', advice });
const seconds = (advice: string): Advice => ({ unit: 'seconds', advice });

/** By name, in the order of the page. */
export const adviceFor: Readonly<Record<string, Advice>> = {
  chorus_phase: {
    unit: '0 or 1',
    advice: 'A phase that stays is explained by `chorus why`. `paused` waits for you: see the run’s reason.',
  },
  chorus_phase_started_timestamp_seconds: seconds('`time()` minus this is how long the phase has lasted.'),
  chorus_phase_deadline_timestamp_seconds: seconds(
    'In the past for longer than a few seconds: the server is overloaded; see the event loop lag.',
  ),
  chorus_round: { unit: 'round', advice: 'Stands still: see `chorus_phase` and `chorus_rounds_abandoned_total`.' },
  chorus_model_version: { unit: 'version', advice: 'Rises by one with each commit.' },
  chorus_round_contributions: count(
    'Far below the quorum near the deadline: clients are slow or lost; extend the deadline or lower the quorum.',
  ),
  chorus_round_target: clients('Below what the plan wants: too few clients were there when the cohort was formed.'),
  chorus_round_quorum: count('Changes only when an operator lowers it; the audit log says who.'),
  chorus_rounds_committed_total: count('No increase over several training windows: no progress; ask `chorus why`.'),
  chorus_rounds_abandoned_total: count('Rises: `chorus rounds` has the reason of each attempt.'),
  chorus_evaluations_total: count('`failed` rises: see the reason with `chorus models`, and the evaluator.'),
  chorus_attempt_phase_seconds: seconds(
    'selecting grows: too few clients; training: slow clients, or a window too long; aggregating: processor or disk.',
  ),
  chorus_population: clients(
    'Falls at once: network, proxy, or a new version of the clients. Near `--clients-max`: raise it.',
  ),
  chorus_clients: clients(
    'Many `ignored`: they fail or restart in mid-round. Many `selected`: they do not take up their work.',
  ),
  chorus_registrations_total: count('Rises faster than the population: clients restart or lose their identity.'),
  chorus_clients_expired_total: count(
    'Rises: clients go away without leaving; see their network, or raise the heartbeat timeout.',
  ),
  chorus_heartbeats_total: count('Its rate falls with the same population: clients cannot reach the coordinator.'),
  chorus_long_polls_held: count('Near the limit of connections or open files: raise it.'),
  chorus_updates_total: count(
    '`refused` rises: see the codes in the log or in traces. `discarded`: clients come too late.',
  ),
  chorus_exclusions_total: count(
    '`straggler`: a longer window, or more over-selection. `heartbeatTimeout`: lost clients. `uploadsRefused`: broken ones. `notNeeded` is the price of over-selection.',
  ),
  chorus_aggregator_restarts_total: count(
    'Any increase is worth a look at the log: memory, or a defect of ours to report.',
  ),
  chorus_journal_backlog: count(
    'Above 0: the data folder cannot be written to. Free space at once; nothing is lost yet.',
  ),
  chorus_journal_facts_total: count('How busy the journal is.'),
  chorus_journal_syncs_total: count('Divides the next one.'),
  chorus_journal_sync_seconds_total: seconds(
    'Over the number of syncs: above 0.1 the disk is slow; a faster one, or `--fsync commit`.',
  ),
  chorus_trace_spans_total: count(
    '`failed` or `dropped` rises: the collector is away or slow. Rounds are not affected.',
  ),
  chorus_uploads_in_flight: count('Stays high while nothing is accepted: slow uplinks, or a slow pool.'),
  chorus_uploads_waiting: count('Above 0 for long: raise `--staging-bytes-max`, or add fold threads.'),
  chorus_staged_bytes: bytes('At its bound: uploads wait. See the two rows around this one.'),
  chorus_staging_bytes_max: bytes('The setting `--staging-bytes-max`.'),
  chorus_update_bytes_received_total: bytes('Uplink of the server.'),
  chorus_model_bytes_served_total: bytes('Downlink of the server: the model once a client and attempt.'),
  chorus_folds_total: count('Divides the next one.'),
  chorus_fold_seconds_total: seconds(
    'Over the number of folds: grows with the model, and when the pool has too few threads.',
  ),
  chorus_http_request_duration_seconds: seconds(
    'Heartbeats above 0.1: the main thread is busy. Status 5xx: see the log. Uploads take as long as the client’s uplink.',
  ),
};

/** Numbers of Node and of the process, by the prefix of their names. */
export const processAdvice: Readonly<Record<string, string>> = {
  process_cpu_: 'Processor time of all threads together.',
  process_start_time_: 'Changes: the server was started again.',
  process_resident_memory_: 'Grows round after round: a leak; report it. Staging and the sum are in it.',
  process_virtual_memory_: 'Of little use by itself.',
  process_heap_: 'Of little use by itself.',
  process_open_fds: 'Near the limit: raise it; every client that waits holds one.',
  process_max_fds: 'The limit of open files.',
  nodejs_eventloop_lag_: 'Above 0.1: this thread is busy, and answers late.',
  nodejs_active_: 'What keeps the thread at work: sockets, timers, requests.',
  nodejs_heap_: 'Grows round after round: a leak; report it.',
  nodejs_external_memory_: 'Buffers outside of the heap; models and updates are among them.',
  nodejs_gc_: 'More than a tenth of the time: the heap is too small.',
  nodejs_version_: 'Which Node it is.',
};
