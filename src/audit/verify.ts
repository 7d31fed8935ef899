import type { Checkpoint, Entry } from '../domain/facts.ts';
import type { ModelInfo } from '../domain/model.ts';
import { HistoryBroken } from '../history/history-broken.ts';
import { beginReplay, type Replayed } from '../history/replay.ts';
import { JournalDamaged } from '../storage/journal.ts';
import { checkpointProblem } from './checkpoint-check.ts';
import { type Commit, commitProblems } from './commit-check.ts';
import type { DataFolder } from './data-folder.ts';
import { openUpdates, updateProblems } from './kept-updates.ts';
import { ModelCheck } from './model-check.ts';
import { Recomputation } from './recompute.ts';

/** Problems told one by one; more are only counted. */
const problemsToldMax = 1_000;

/** Something that is not as it must be. */
export interface Problem {
  /** The fact at which it was found; null: it concerns the folder. */
  seq: number | null;
  sentence: string;
}

/** How far a check has come. */
export interface Progress {
  facts: number;
  rounds: number;
  /** Of models and updates; the total is that of the files there were at the beginning. */
  bytes: number;
  bytesTotal: number;
}

export interface VerifyReport {
  facts: number;
  runs: number;
  roundsCommitted: number;
  roundsAbandoned: number;
  versions: number;
  /** Committed models that were made again from their updates, and are the same. */
  recomputed: number;
  /** Models whose updates were not kept, or that were installed: their bytes are those that were committed. */
  onlyHashed: number;
  /** The first 1,000. */
  problems: Problem[];
  problemsTotal: number;
  /** What is no problem and may be good to know, a sentence each. */
  notes: string[];
}

/**
 * Checks the whole history of a data folder: the chain of the journal, that every fact can have happened, that every
 * commit was right, that the models are there and are those that were committed, and, where the updates were kept, that
 * they make these models. Nothing is written; one update or one model is in memory at a time, or a few small ones.
 * @throws a system error when the folder cannot be read.
 */
export async function verify(
  folder: DataFolder,
  onProgress: (progress: Progress) => void = () => undefined,
): Promise<VerifyReport> {
  const check = new Check(folder, onProgress);
  try {
    return await check.run();
  } finally {
    await check.close();
  }
}

class Check {
  readonly #folder: DataFolder;
  readonly #onProgress: (progress: Progress) => void;
  readonly #progress: Progress = { facts: 0, rounds: 0, bytes: 0, bytesTotal: 0 };
  readonly #report: VerifyReport = {
    facts: 0,
    runs: 0,
    roundsCommitted: 0,
    roundsAbandoned: 0,
    versions: 0,
    recomputed: 0,
    onlyHashed: 0,
    problems: [],
    problemsTotal: 0,
    notes: [],
  };
  readonly #models: ModelCheck;
  readonly #recomputation: Recomputation;

  constructor(folder: DataFolder, onProgress: (progress: Progress) => void) {
    this.#folder = folder;
    this.#onProgress = onProgress;
    const onBytes = (bytes: number) => {
      this.#progress.bytes += bytes;
      onProgress(this.#progress);
    };
    this.#models = new ModelCheck(folder, onBytes);
    this.#recomputation = new Recomputation(folder, onBytes);
  }

  async run(): Promise<VerifyReport> {
    for (const name of ['models', 'updates']) {
      for (const bytes of (await this.#folder.files(name)).values()) this.#progress.bytesTotal += bytes;
    }
    const replayed = beginReplay();
    try {
      for await (const entry of this.#folder.entries((note) => this.#report.notes.push(note))) {
        if (!(await this.#check(entry, replayed))) break;
      }
      await this.#checkOpen(replayed);
    } catch (error) {
      if (!(error instanceof JournalDamaged)) throw error;
      this.#problem(null, error.message);
    }
    return this.#report;
  }

  close(): Promise<unknown> {
    return this.#recomputation.close();
  }

  /** @returns false when nothing after this fact can be checked. */
  async #check(entry: Entry, replayed: Replayed): Promise<boolean> {
    const { history } = replayed;
    const { seq, fact } = entry;
    const { run, open } = history;
    if (fact.type === 'checkpoint') await this.#checkCheckpoint(entry, fact.state, replayed);
    const outOfChain = fact.type === 'operation' ? history.audit.problemOf(fact.entry) : null;
    if (outOfChain !== null) this.#problem(seq, `Fact ${seq}: ${outOfChain}.`);
    try {
      history.apply(entry);
    } catch (error) {
      const why = error instanceof HistoryBroken ? error.message : 'it is not as facts of its kind are';
      this.#problem(
        seq,
        `Fact ${seq}, ${fact.type}, cannot have happened: ${why}. What comes after it is not checked.`,
      );
      return false;
    }
    this.#report.facts += 1;
    this.#progress.facts += 1;
    if (fact.type === 'run.started') this.#report.runs += 1;
    if (fact.type === 'round.abandoned') this.#report.roundsAbandoned += 1;
    if (fact.type === 'model.installed') {
      if (await this.#checkModel(seq, fact.model)) this.#report.onlyHashed += 1;
    }
    const record = history.rounds.at(-1);
    if (fact.type === 'round.committed' && run && record) {
      const { model } = fact;
      const places = open?.staged?.map(({ staged }) => staged) ?? null;
      await this.#checkCommit(
        { seq, run, record, model, base: open?.base ?? null, places, audit: history.audit.entries },
        replayed,
      );
    }
    this.#onProgress(this.#progress);
    return true;
  }

  async #checkCommit(commit: Commit, { history }: Replayed): Promise<void> {
    const { seq, model, record } = commit;
    this.#report.roundsCommitted += 1;
    this.#progress.rounds += 1;
    for (const problem of commitProblems(commit)) this.#problem(seq, problem);
    const isGood = await this.#checkModel(seq, model);
    const base = commit.base === null ? null : (history.models[commit.base - 1] ?? null);
    if (base && !this.#models.isGood(base.sha256)) {
      this.#report.notes.push(
        `Round ${record.round} could not be made again: model version ${base.version}, which it began from, is not what it was.`,
      );
      return;
    }
    const problems = await this.#recomputation.problemsOf(commit, base);
    for (const problem of problems ?? []) this.#problem(seq, problem);
    if (problems?.length === 0) this.#report.recomputed += 1;
    else if (problems === null && isGood) this.#report.onlyHashed += 1;
  }

  async #checkCheckpoint({ seq }: Entry, state: Checkpoint, { history }: Replayed): Promise<void> {
    if (history.seq > 0) {
      const other = checkpointProblem(history, state);
      if (other) this.#problem(seq, `The checkpoint of fact ${seq} is not what the facts before it come to: ${other}.`);
      return;
    }
    this.#report.notes.push(
      `The history begins with a checkpoint, fact ${seq}: what came before it is not there, and of its models only the bytes are checked.`,
    );
    for (const model of state.models) if (await this.#checkModel(seq, model)) this.#report.onlyHashed += 1;
  }

  async #checkModel(seq: number, model: ModelInfo): Promise<boolean> {
    this.#report.versions += 1;
    const problem = await this.#models.problemOf(model);
    if (problem !== null) this.#problem(seq, problem);
    return problem === null;
  }

  /** The updates that the next server would go on with. */
  async #checkOpen({ history: { open, seq } }: Replayed): Promise<void> {
    const staged = open?.staged;
    // A running server may have ended the attempt meanwhile.
    const updates = open && staged && staged.length > 0 ? await openUpdates(this.#folder, open.record) : null;
    if (!open || !staged || !updates) return;
    try {
      const places = staged.map((one) => one.staged);
      const onBytes = () => undefined;
      for (const problem of await updateProblems(updates, open.record.contributions, places, onBytes)) {
        this.#problem(seq, problem);
      }
    } finally {
      await updates.file.close();
    }
  }

  #problem(seq: number | null, sentence: string): void {
    this.#report.problemsTotal += 1;
    if (this.#report.problems.length < problemsToldMax) this.#report.problems.push({ seq, sentence });
  }
}
