/** A fact that cannot have happened in the state it is said to have happened in. */
export class HistoryBroken extends Error {
  override name = 'HistoryBroken';
}
