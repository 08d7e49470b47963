import {
  DIALECTS,
  ResultReason,
  dialectNamed,
  sameVersion,
  type Dialect,
  type ProtocolVersion,
  type VersionName,
} from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { ConnectionFailure } from './connection-failure';
import { KmipRefusal } from './refusal';

/**
 * Versions in which Discover Versions is asked, one after the other: a server may refuse a request whose header has a
 * version that it does not speak. 1.1 is the first that has the operation.
 */
const ASKED_IN: readonly VersionName[] = ['1.1', '1.4', '2.0', '2.1'];

const SPOKEN: readonly Dialect[] = [...DIALECTS].reverse();

/** The versions spoken here, highest first. */
export const OFFERED_VERSIONS: readonly ProtocolVersion[] = SPOKEN.map(
  ({ protocolVersionMajor, protocolVersionMinor }) => ({ protocolVersionMajor, protocolVersionMinor }),
);

function highestCommon(versions: readonly ProtocolVersion[]): Dialect | undefined {
  return SPOKEN.find((dialect) => versions.some((version) => sameVersion(version, dialect)));
}

/** Of a server that reads the version, and lets this peer do other things, as with a ticket that has rights to few operations. */
const NOT_FOR_THIS_PEER: readonly (number | undefined)[] = [
  ResultReason.NotAuthorised,
  ResultReason.PermissionDenied,
];

/** What is asked of a server whose versions are not known. */
export interface VersionProbe {
  /** Asks for the server's versions in a message of the version given. @throws KmipRefusal, ConnectionFailure */
  discover(dialect: Dialect): Promise<readonly ProtocolVersion[]>;
  /** Asks for something that every version has. @throws KmipRefusal, ConnectionFailure */
  query(dialect: Dialect): Promise<unknown>;
  /** Whether a version has what the requests' header must say. */
  canBeAskedIn(dialect: Dialect): boolean;
}

/**
 * The highest version that both sides speak; 1.0 where the server knows no Discover Versions, or reads that version alone,
 * and where this peer may not ask, the highest in which it is told so. KMIP 1.4 section 4.26, KMIP 2.1 section 6.1.16.
 * @throws KmipRefusal where the server answers in none of the versions, or has none in common
 */
export async function negotiateVersion(probe: VersionProbe): Promise<Dialect> {
  let refusal: KmipRefusal | undefined;
  let read: Dialect | undefined;
  for (const asked of ASKED_IN.map(dialectNamed).filter((dialect) => probe.canBeAskedIn(dialect))) {
    try {
      const dialect = highestCommon(await probe.discover(asked));
      if (dialect !== undefined) return dialect;
    } catch (error) {
      // Servers close the connection after a refusal that is final: then that is what there is to tell.
      if (error instanceof ConnectionFailure && refusal !== undefined) throw refusal;
      if (!(error instanceof KmipRefusal)) throw error;
      if (error.resultReason === ResultReason.AuthenticationNotSuccessful) throw error;
      if (error.resultReason === ResultReason.OperationNotSupported) return dialectNamed('1.0');
      if (NOT_FOR_THIS_PEER.includes(error.resultReason)) read = asked;
      refusal ??= error;
    }
  }
  if (read !== undefined) return read;
  const oldest = dialectNamed('1.0');
  if (refusal !== undefined && probe.canBeAskedIn(oldest) && (await isRead(probe.query(oldest))))
    return oldest;
  throw (
    refusal ??
    new HoldfastError('UnsupportedProtocolVersion', 'the server speaks no KMIP version that is spoken here')
  );
}

/** Whether a server answers what it was asked, rather than that it cannot read it. */
async function isRead(answer: Promise<unknown>): Promise<boolean> {
  try {
    await answer;
    return true;
  } catch (error) {
    if (error instanceof ConnectionFailure) return false;
    if (error instanceof KmipRefusal) return NOT_FOR_THIS_PEER.includes(error.resultReason);
    throw error;
  }
}
