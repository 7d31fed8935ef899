import type { Mutation } from './mutation.ts';

const crash = ['test/audit/crash-anywhere.test.ts'];
const restart = ['test/history/restart.test.ts', 'test/storage/restart.test.ts', 'test/audit/crash-anywhere.test.ts'];

/** What a crash must not cost. */
export const durability: readonly Mutation[] = [
  {
    name: 'acknowledges an update before it is written',
    defect: 'an acknowledged update is lost',
    file: 'src/actors/patient-journal.ts',
    find: '      this.#deps.journal.append(facts, atMs);\n      this.#failure = null;\n    } catch (cause) {',
    replace:
      '      setImmediate(() => this.#deps.journal.append(facts, atMs));\n      this.#failure = null;\n    } catch (cause) {',
    tests: restart,
  },
  {
    name: 'forgets where the machines stood',
    defect: 'a restart begins the round anew',
    file: 'src/actors/machine-news.ts',
    find: "    unlessRefused(() => recorder.note({ type: 'position', position }));\n",
    replace: '',
    tests: restart,
  },
  {
    name: 'writes over the position of a round that it resumes',
    defect: 'a second crash loses the updates',
    file: 'src/actors/position.ts',
    find: "  if (state === 'opening' && context.resumed) return null;\n",
    replace: '',
    tests: crash,
  },
  {
    name: 'reads staged updates back in another order',
    defect: 'other bits after a restart',
    file: 'src/history/round-ledger.ts',
    find: '    return staged;\n',
    replace: '    return staged.reverse();\n',
    tests: [...crash, 'test/history/history.test.ts'],
  },
  {
    name: 'gives a resumed round a whole new window',
    defect: 'a deadline that a restart puts off',
    file: 'src/history/resume.ts',
    find: '  return Math.max(leastAtMs, Math.min(deadlineAtMs, nowMs + windowMs + extendedByMs));',
    replace: '  return nowMs + windowMs;',
    tests: restart.concat('test/history/resume.test.ts'),
  },
  {
    name: 'takes a damaged staged update for a good one',
    defect: 'a silently wrong model',
    file: 'src/aggregator/recovery.ts',
    find: 'if (update.sha256 !== receipt.sha256)',
    replace: 'if (update.sha256 === receipt.clientId)',
    tests: ['test/aggregator/recovery.test.ts'],
  },
  {
    name: 'commits without syncing the journal',
    defect: 'a committed model is lost with the power',
    file: 'src/actors/recorder.ts',
    find: '      journal.syncNow();\n',
    replace: '',
    tests: ['test/history/power-loss.test.ts'],
  },
  {
    name: 'starts on a folder that another server has',
    defect: 'two servers on one folder',
    file: 'src/cli/server/folder-lock.ts',
    find: 'if (holder && (await isAlive(holder))) {',
    replace: 'if (holder && holder.pid < 0) {',
    tests: ['test/cli/data-folder.test.ts'],
  },
  {
    name: 'goes on with a round whose updates were in memory only',
    defect: 'a resumed round without its updates',
    file: 'src/history/resume.ts',
    find: "  if (open.staged === null) return 'The server ended with updates that were in memory only';\n",
    replace: '',
    tests: ['test/history/resume.test.ts'],
  },
];
