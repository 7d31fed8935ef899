import type { ModelEvaluation, ModelInfo, ModelView } from '../domain/model.ts';
import type { Progress } from '../domain/progress.ts';
import { HistoryBroken } from './history-broken.ts';

/** Of a model that has just been committed. */
const unknownYet: Pick<ModelView, 'evaluations' | 'best'> = { evaluations: [], best: false };

/** Every version of the global model with what is known of it, and which of them clients start from. */
export class ModelList {
  /** Oldest first. */
  readonly all: ModelView[] = [];
  /** null: the first contributions define the model. */
  currentVersion: number | null = null;

  get current(): ModelView | null {
    return this.currentVersion === null ? null : (this.all[this.currentVersion - 1] ?? null);
  }

  /** @param models what an earlier version kept lacks what there was not then. */
  restore(models: readonly ModelView[], currentVersion: number | null): void {
    this.all.push(...models.map((model) => ({ ...unknownYet, ...model })));
    this.currentVersion = currentVersion;
  }

  /** The next version, which clients start from. */
  add(model: ModelInfo): void {
    this.all.push({ ...unknownYet, ...model });
    this.currentVersion = model.version;
  }

  /** A run begins, from the last model or from none. */
  begin(fromLatest: boolean): void {
    this.currentVersion = fromLatest ? (this.all.at(-1)?.version ?? null) : null;
  }

  evaluated(version: number, evaluation: ModelEvaluation): void {
    this.#change(version, ({ evaluations }) => ({ evaluations: [...evaluations, evaluation] }));
  }

  /** Something more is known of the run: another version may be its best now. */
  markBest(before: Progress | undefined, { best }: Progress): void {
    const was = before?.best?.version;
    if (best?.version === was) return;
    if (was !== undefined) this.#change(was, () => ({ best: false }));
    if (best) this.#change(best.version, () => ({ best: true }));
  }

  #change(version: number, change: (model: ModelView) => Partial<ModelView>): void {
    const model = this.all[version - 1];
    if (!model) throw new HistoryBroken(`There is no model version ${version}`);
    this.all[version - 1] = { ...model, ...change(model) };
  }
}
