import { Tag, identifierReference, optional, required, structure, textString } from '@holdfast/kmip';

/** The request of operations that need nothing but an object: the ID Placeholder stands for an identifier left out. */
export const identifierRequest = structure({
  uniqueIdentifier: optional(Tag.UniqueIdentifier, identifierReference),
});

/** The answer of operations that tell nothing but which object it was. */
export const identifierResponse = structure({
  uniqueIdentifier: required(Tag.UniqueIdentifier, textString),
});
