import { HoldfastError, operations, testModeOperations, type OperationDefinition } from '@holdfast/core';
import type { Dialect } from '@holdfast/kmip';

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

/**
 * The operation that a request of this version names.
 * @throws HoldfastError OperationNotSupported, FeatureNotSupported where it has no place in a batch that may be undone
 */
export function operationOf(
  { byCode }: Catalogue,
  code: number,
  dialect: Dialect,
  { mayBeUndone }: { readonly mayBeUndone: boolean },
): AnyOperation {
  const definition = byCode.get(code);
  if (definition === undefined || !dialect.knows(definition.window)) {
    throw new HoldfastError('OperationNotSupported', 'the operation is not supported');
  }
  if (definition.cannotBeUndone === true && mayBeUndone) {
    throw new HoldfastError('FeatureNotSupported', 'what cannot be undone has no place in a batch with Undo');
  }
  return definition;
}
