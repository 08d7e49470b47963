import type { Operation } from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import type { AttributeSet } from './objects/attribute-set';
import type { TicketRight } from './ports/tickets';

/**
 * What a delegated ticket allows one operation: at least one of its rights has to cover the operation and every object
 * that it touches. KMIP 2.1 sections 6.1.12 and 7.34.
 */
export class GrantedRights {
  #covering: readonly (readonly [place: number, right: TicketRight])[];

  /** @throws HoldfastError NotAuthorised where no right covers the operation */
  constructor(rights: readonly TicketRight[], operation: Operation) {
    this.#covering = rights
      .map((right, place) => [place, right] as const)
      .filter(([, { operations }]) => operations?.includes(operation) ?? true);
    this.#requireOne();
  }

  /** Places of the rights that cover what was touched so far. */
  get places(): readonly number[] {
    return this.#covering.map(([place]) => place);
  }

  /** @throws HoldfastError NotAuthorised */
  touch(uniqueIdentifier: string | undefined, attributes: AttributeSet): void {
    this.#covering = this.#covering.filter(([, right]) => covers(right, uniqueIdentifier, attributes));
    this.#requireOne();
  }

  /** Whether an object may be shown by the operation. */
  isCovered(uniqueIdentifier: string, attributes: AttributeSet): boolean {
    return this.#covering.some(([, right]) => covers(right, uniqueIdentifier, attributes));
  }

  /** Whether there is a right that covers whatever object there may be. */
  get coversEverything(): boolean {
    return this.#covering.some(
      ([, { objects, objectGroups }]) => objects === undefined && objectGroups === undefined,
    );
  }

  #requireOne(): void {
    if (this.#covering.length === 0) {
      throw new HoldfastError('NotAuthorised', 'the ticket does not give the right to do this');
    }
  }
}

/** @param uniqueIdentifier undefined for an object that is being made */
function covers(
  { objects, objectGroups }: TicketRight,
  uniqueIdentifier: string | undefined,
  attributes: AttributeSet,
): boolean {
  const isNamed =
    objects === undefined || (uniqueIdentifier !== undefined && objects.includes(uniqueIdentifier));
  const isInGroup =
    objectGroups === undefined ||
    attributes.instances('ObjectGroup').some(({ value }) => objectGroups.includes(value));
  return isNamed && isInGroup;
}
