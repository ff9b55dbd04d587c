import type { z } from 'zod';

/** A CEL rule of Kubernetes: run by the API server, and by us on the same strings when there is none. */
export interface CelRule {
  /** RE2 and core CEL only; `self` is the value that the rule stands on. */
  readonly rule: string;
  /** One line: what is wrong, and what is allowed. */
  readonly message: string;
  /** Where the error is shown, relative to `self`: `.maximum`. */
  readonly fieldPath?: string;
}

export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly jsonPath: string;
  readonly description: string;
  /** Above 0: shown only with `-o wide`. */
  readonly priority?: number;
}

/** All there is to say about one kind of ours: the CRD, the parser, the reference page and the command line come from it. */
export interface KindDefinition<Spec = unknown> {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly description: string;
  /** What users write: every accepted spelling, defaults included. Strict: unknown fields are errors. */
  readonly specSchema: z.ZodType;
  readonly statusSchema: z.ZodType;
  /** Rules on the whole spec. */
  readonly rules: readonly CelRule[];
  readonly printerColumns: readonly PrinterColumn[];
  readonly scale?: { readonly specReplicasPath: string; readonly statusReplicasPath: string };
  /** Folds the spellings into one. Behind it nobody knows that aliases exist. Takes what `specSchema` and `rules` passed. */
  readonly normalise: (spec: never) => Spec;
}
