import { operations, testModeOperations, type OperationDefinition } from '@holdfast/core';

export type AnyOperation = OperationDefinition<Record<string, unknown>, Record<string, unknown>>;

/** The operations that this server has. */
export interface Catalogue {
  readonly all: readonly OperationDefinition[];
  readonly byCode: ReadonlyMap<number, AnyOperation>;
}

export function catalogueOf(testMode: boolean): Catalogue {
  const all = testMode ? [...operations, ...testModeOperations] : operations;
  return { all, byCode: new Map(all.map((each) => [each.code, each as AnyOperation])) };
}
