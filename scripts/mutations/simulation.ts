import type { Mutation } from './mutation.ts';

/** The simulator has so many seeds to see it, with faults of all kinds. */
const bySimulation = {
  tests: ['test/sim/swarm.test.ts'],
  only: 'profile all',
  env: { CHORUS_SIM_SEED: '1', CHORUS_SIM_SEEDS: '1000' },
} as const;

/** The same, of runs that are all buffered. */
const byBuffered = { ...bySimulation, tests: ['test/sim/buffered.test.ts'] } as const;

/** Of a profile in which the disk and the process fail, and nothing else. */
const byDisk = { ...bySimulation, only: 'profile disk' } as const;

/** Defects that no test was written for: the simulator finds each. */
export const simulation: readonly Mutation[] = [
  {
    name: 'counts an update twice when it comes twice',
    defect: 'simulated: counted twice',
    file: 'src/aggregator/open-round.ts',
    find: '    if (ticket.receipt) return { receipt: sameReceipt(ticket.receipt, early.sha256), folded: null };\n',
    replace:
      '    if (ticket.receipt) return { receipt: ticket.receipt, folded: this.add({ clientId: ticket.clientId, span: staged.span, place: null }, early) };\n',
    ...bySimulation,
  },
  {
    name: 'closes a round below its quorum',
    defect: 'simulated: close below quorum',
    file: 'src/domain/round.ts',
    find: 'export const hasQuorum = ({ tally, quorum }: Round): boolean => tally.contributions >= quorum;',
    replace:
      'export const hasQuorum = ({ tally, quorum }: Round): boolean => tally.contributions >= Math.min(1, quorum);',
    ...bySimulation,
  },
  {
    name: 'forgets to arm a deadline again after a restart',
    defect: 'simulated: forget to re-arm a deadline',
    file: 'src/history/resume.ts',
    find: '  return Math.max(leastAtMs, Math.min(deadlineAtMs, nowMs + windowMs + extendedByMs));',
    replace: '  return Number.MAX_SAFE_INTEGER;',
    ...bySimulation,
  },
  {
    name: 'acknowledges an update before it is written',
    defect: 'simulated: acknowledge before the write',
    file: 'src/actors/patient-journal.ts',
    find: '      this.#deps.journal.append(facts, atMs);\n      this.#failure = null;\n    } catch (cause) {',
    replace:
      '      this.#deps.clock.setTimeout(() => this.#deps.journal.append(facts, atMs), 1);\n      this.#failure = null;\n    } catch (cause) {',
    ...bySimulation,
  },
  {
    name: 'acknowledges an update before it is synced',
    defect: 'simulated: acknowledge before the sync',
    file: 'src/actors/recorder.ts',
    find: '      await journal.synced();\n',
    replace: '',
    ...bySimulation,
  },
  {
    name: 'commits without syncing the journal',
    defect: 'simulated: a committed model is lost with the power',
    file: 'src/actors/recorder.ts',
    find: '      journal.syncNow();\n',
    replace: '',
    ...bySimulation,
  },
  {
    name: 'renames a model before its bytes are synced',
    defect: 'simulated: a model that is half there',
    file: 'src/storage/file-model-store.ts',
    find: '    await disk.sync(draft);\n',
    replace: '',
    ...bySimulation,
  },
  {
    name: 'stages updates without syncing them',
    defect: 'simulated: an acknowledged update is lost with the power',
    file: 'src/storage/file-update-store.ts',
    find: "fsync === 'always'",
    replace: "fsync === 'never' as string",
    ...bySimulation,
  },
  {
    name: 'waits without a deadline for clients that only send heartbeats',
    defect: 'simulated: a round that never ends',
    file: 'src/machines/round.setup.ts',
    find: 'startWindow(context, workWindowMs(context))',
    replace: 'startWindow(context, workWindowMs(context) * 1_000)',
    ...bySimulation,
  },
  {
    name: 'selects a client that is selected already',
    defect: 'simulated: a client in a round twice',
    file: 'src/actors/selection-work.ts',
    find: "const isThere = slot !== -1 && registry.stateOf(slot) === 'waiting';",
    replace: "const isThere = slot !== -1 && registry.stateOf(slot) !== 'done';",
    ...bySimulation,
  },
  {
    name: 'selects whom the filter leaves out',
    defect: 'simulated: a client that must not be selected',
    file: 'src/actors/eligible-clients.ts',
    find: 'this.#passes[slot] = this.#test(this.#clients.profileOf(slot)) ? 1 : 0;',
    replace: 'this.#passes[slot] = 1;',
    ...bySimulation,
  },
  {
    name: 'keeps no reasons of replacements',
    defect: 'simulated: a client is told that it was not chosen, and was',
    file: 'src/actors/cohort-chooser.ts',
    find: 'for (const selection of this.#kept.of(record)) {',
    replace: 'for (const selection of this.#kept.of(record)) {\n      return selection.explain(clientId);',
    ...bySimulation,
  },
  {
    name: 'sums an update that the coordinator discarded',
    defect: 'simulated: a discarded update counts',
    file: 'src/aggregator/open-round.ts',
    find: "if (verdict.kind === 'discarded') throw new ChorusError('UPDATE_DISCARDED', verdict.detail);",
    replace: "if (verdict.kind === 'discarded') return { kind: 'accepted' };",
    ...bySimulation,
  },
  {
    name: 'takes values that are not finite',
    defect: 'simulated: one NaN poisons the mean',
    file: 'src/aggregator/inspection.ts',
    find: '    if (index === -1) this.#squares',
    replace: '    if (index >= -1) this.#squares',
    ...bySimulation,
  },
  {
    name: 'starts a restarted run at the attempt that was cut short',
    defect: 'simulated: an attempt that comes twice',
    file: 'src/history/history.ts',
    find: ': { ...this.run, attempt: this.run.attempt + 1 };',
    replace: ': this.run;',
    ...bySimulation,
  },
  {
    name: 'has more clients at work than the plan says when some have contributed',
    defect: 'simulated: more at work than may be',
    file: 'src/domain/round.ts',
    find: 'const settled = isBuffered(round.plan) ? 0 : round.tally.contributions;',
    replace: 'const settled = isBuffered(round.plan) ? -1 : round.tally.contributions;',
    ...byBuffered,
  },
  {
    name: 'forgets how old updates were when the server is started again',
    defect: 'simulated: other weights after a restart',
    file: 'src/actors/round-order.ts',
    find: '    weightFactor: stalenessFactor(run.plan, staleness),\n',
    replace: '    weightFactor: stalenessFactor(run.plan, 0),\n',
    ...byBuffered,
  },
  {
    name: 'weighs all updates of earlier rounds alike',
    defect: 'simulated: an age that does not count',
    file: 'src/actors/training-work.ts',
    find: 'const weightFactor = history.run ? stalenessFactor(history.run.plan, staleness) : 1;',
    replace: 'const weightFactor = history.run ? stalenessFactor(history.run.plan, Math.min(1, staleness)) : 1;',
    ...byBuffered,
  },
  {
    name: 'opens an attempt again that is over, when its sum fails late',
    defect: 'simulated: an attempt that loses the updates of the next',
    file: 'src/actors/round-work.ts',
    find: 'contributions });\n      signal.throwIfAborted();\n',
    replace: 'contributions });\n',
    ...byDisk,
  },
  {
    name: 'tries again for ever when the sync before a write has failed',
    defect: 'simulated: a server that takes nothing and does not end',
    file: 'src/actors/patient-journal.ts',
    find: 'if (!this.#deps.journal.isSound) this.#deps.onFatal(error);',
    replace: 'void error;',
    ...byDisk,
  },
];
