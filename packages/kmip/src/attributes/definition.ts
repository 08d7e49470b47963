import type { Codec } from '../schema';
import type { Window } from '../versions/dialect';
import type { ObjectType, Operation } from '../vocabulary/enumerations';

/** The name of an operation as the table of operations keys it. */
export type OperationName = keyof typeof Operation;

/**
 * When an existing value may be changed or deleted:
 * `pre-active` while the object is Pre-Active; `pre-active-or-active` while it is Pre-Active or Active; `until-reached`
 * likewise and only as long as the date has not come; `until-allocated` as long as no usage has been allocated;
 * `own` by the side (client or server) that made the attribute; `if-absent` the server may fill in a value
 * where there is none; `if-data-omitted` the server may complete what the client left open.
 */
export type ChangeRule =
  | 'yes'
  | 'no'
  | 'pre-active'
  | 'pre-active-or-active'
  | 'until-reached'
  | 'until-allocated'
  | 'own'
  | 'if-absent'
  | 'if-data-omitted';

/** The rules of one attribute. KMIP 1.4 chapter 3 and KMIP 2.1 chapter 4, each attribute's rules table. */
export interface AttributeRules<T> extends Window {
  readonly codec: Codec<T>;
  /** An object may have several instances. */
  readonly multiple: boolean;
  /** The object types that always have a value; none where a value is never certain. */
  readonly alwaysHasValue: readonly ObjectType[];
  /** Who may give the attribute its first value. */
  readonly setBy: { readonly client: boolean; readonly server: boolean };
  /**
   * A client may state the value in a request that makes an object although the server is the one that sets it: the
   * request says what to make (algorithm, length, format), or describes what is registered.
   */
  readonly statedOnCreation: boolean;
  readonly modifiableByClient: ChangeRule;
  readonly modifiableByServer: ChangeRule;
  readonly deletableByClient: ChangeRule;
  /** Operations that may set the attribute without being asked to. */
  readonly implicitlySetBy: readonly OperationName[];
  /** Object types that may have the attribute, in any version that has it. */
  readonly appliesTo: readonly ObjectType[];
  /** Sections of KMIP 1.4 and KMIP 2.1. */
  readonly section: { readonly v1?: string; readonly v2?: string };
}

/** One row of the attribute table. */
export interface AttributeDefinition<T, K extends string = string> extends AttributeRules<T> {
  readonly key: K;
  /** The printed name: how 1.x messages name the attribute. */
  readonly name: string;
  /** The tag: how 2.x messages carry it. */
  readonly tag: number;
}
