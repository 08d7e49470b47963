import { LinkType, ObjectType, State } from '@holdfast/kmip';
import type { AttributeSet } from './attribute-set';
import { storageStatusOf } from './match';

/** What Re-key, Re-key Key Pair and Re-certify replace. */
const ROTATED: ReadonlySet<ObjectType | undefined> = new Set([
  ObjectType.SymmetricKey,
  ObjectType.PrivateKey,
  ObjectType.PublicKey,
  ObjectType.Certificate,
]);

/**
 * When the server is to rotate the object by itself, in seconds since 1970: its Rotate Interval after its Initial Date
 * (KMIP 2.1 sections 4.48 and 4.51). Undefined where it is not: nobody asked for it, it has been replaced, was revoked or
 * destroyed, or is archived.
 */
export function rotationDateOf(attributes: AttributeSet): number | undefined {
  const initialDate = attributes.get('InitialDate');
  const intervalSeconds = attributes.get('RotateInterval') ?? 0;
  if (attributes.get('RotateAutomatic') !== true || intervalSeconds === 0 || initialDate === undefined)
    return undefined;
  if (!ROTATED.has(attributes.get('ObjectType')) || storageStatusOf(attributes) !== 'online')
    return undefined;
  if (attributes.get('State') === State.Compromised || attributes.has('RevocationReason')) return undefined;
  const isReplaced = attributes
    .instances('Link')
    .some(({ value }) => value.linkType === LinkType.ReplacementObjectLink);
  return isReplaced ? undefined : initialDate + intervalSeconds;
}
