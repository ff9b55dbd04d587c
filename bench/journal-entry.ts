/**
 * The members of a journal entry that the judges read, as the simulated cloud writes them; time in milliseconds. Written down
 * once more than in the simulator, since a judge stands on nothing but the journal itself.
 */
export interface JournalEntry {
  readonly at: number;
  readonly kind: string;
  readonly action?: string;
  readonly result?: string;
  readonly body?: unknown;
  readonly instanceIds?: readonly string[];
  readonly event?: string;
  readonly id?: string;
  readonly detail?: string;
  readonly from?: string;
  readonly to?: string;
  readonly cause?: string;
}
