import type {
  Dialect,
  IdentifierReference,
  ObjectType,
  Operation,
  OperationName,
  ProtocolVersion,
  State,
  StructureCodec,
  Window,
} from '@holdfast/kmip';
import type { ErrorCode } from '@holdfast/ttlv';
import type { AccessClass } from './access';
import type { Principal } from './identity';
import type { AsynchronousRequest, AsynchronousRequests, ItemOutcome } from './ports/asynchronous-requests';
import type { CertificatesPort } from './ports/certificates';
import type { Asker, CryptoPort } from './ports/crypto';
import type { HsmKeyMaker } from './ports/hsm-keys';
import type { IssuingAuthority } from './ports/issuing-authority';
import type { ObjectAccess } from './object-access';
import type { DomainPolicy } from './objects/domain-policy';
import type { StoredObject } from './ports/key-store';
import type { Provisioner } from './ports/provisioning';
import type { TicketOffice } from './ports/tickets';

/** All that is known of one operation. Everything else (dispatch, Query, client, docs) follows from a list of these. */
export interface OperationDefinition<Request = unknown, Response = unknown> {
  /** The printed name in CamelCase, as the Operation enumeration has it. */
  readonly name: OperationName;
  readonly code: Operation;
  readonly window: Window;
  /** Section of the specification: KMIP 1.4 and KMIP 2.1. */
  readonly section: { readonly v1?: string; readonly v2?: string };
  readonly request: StructureCodec<Request>;
  readonly response: StructureCodec<Response>;
  /** The row of the access table; undefined for operations that touch no object. */
  readonly access: AccessClass | undefined;
  /** Object types that it works on; undefined: any, or none. */
  readonly objectTypes?: readonly ObjectType[] | undefined;
  /** States it is allowed in; undefined: any. */
  readonly states?: readonly State[] | undefined;
  /** The errors that the specification lists for it, under our codes. */
  readonly reasons: readonly ErrorCode[];
  /** It is never made pending: it is about pending requests, or about the connection. */
  readonly isSynchronous?: true;
  /** What it does is done at once, whatever becomes of the rest of a batch: it is refused where that may be undone. */
  readonly cannotBeUndone?: true;
  /**
   * Whether the request does nothing but answer and change objects: it can then be carried out on objects as they are
   * remembered, and once more where that turns out to be out of date. Left out: no request does.
   */
  isRepeatable?(request: Request): boolean;
  /** Whether it takes so long that it is made pending for a client that leaves this to the server. */
  isSlow?(request: Request): boolean;
  /** Whether it may end the ticket that it is asked for with: then nothing is left of it to be spent. */
  readonly endsTickets?: boolean;
  execute(request: Request, context: OperationContext): Promise<Response> | Response;
}

/** Declares an operation; payload types are inferred from the schemas. */
export function operation<Request, Response>(
  definition: OperationDefinition<Request, Response>,
): OperationDefinition<Request, Response> {
  return definition;
}

/** What Query tells of this server. */
export interface ServerIdentity {
  readonly vendorIdentification: string;
  readonly productName: string;
  readonly version: string;
  /** Whether it speaks HTTPS too, and so XML and JSON. */
  readonly servesHttps: boolean;
}

/** What an object is among all that one item produced. */
export type ProducedRole = 'private-key' | 'public-key' | 'first-part';

/** What an operation is given besides its request. One context serves one attempt at one batch item. */
export interface OperationContext {
  readonly principal: Principal;
  /** For encoding windows and `rules`; versions are not compared in operations. */
  readonly dialect: Dialect;
  /** Seconds since 1970; the same throughout the item. */
  readonly nowSeconds: number;
  readonly objects: ObjectAccess;
  /** Of the principal's domain. */
  readonly policy: DomainPolicy;
  /** Replaces parts of the domain's policy, at once and for good. */
  changePolicy(change: DomainPolicy): Promise<void>;
  readonly crypto: CryptoPort;
  /** Who waits for the answer. */
  readonly asker: Asker;
  /** Undefined where there is no HSM. */
  readonly hsmKeys: HsmKeyMaker | undefined;
  readonly certificates: CertificatesPort;
  readonly tickets: TicketOffice;
  /** The CA that Certify and Re-certify sign with. */
  readonly issuingAuthority: IssuingAuthority;
  readonly server: ServerIdentity;
  /** The operations that this server has. */
  readonly catalogue: readonly OperationDefinition[];
  /** The versions that this server speaks, highest first. */
  readonly protocolVersions: readonly ProtocolVersion[];
  /**
   * The identifier that a request means: the one that it names, else the ID Placeholder.
   * @throws HoldfastError ItemNotFound/InvalidField where there is neither
   */
  readonly identify: (reference: IdentifierReference | undefined) => string;
  /**
   * Names the identifier(s) that this item produced, for the ID Placeholder (the first) and for 2.x references by
   * operation and by number. `role` tells the two keys of a pair apart, and says which part of a split key goes into the
   * ID Placeholder.
   */
  produced(uniqueIdentifier: string, role?: ProducedRole): void;
  /**
   * Takes the client's role on the connection, once the response has been sent.
   * @throws HoldfastError FeatureNotSupported, PermissionDenied
   */
  becomeClient(): void;
  /** Writes what the client says into the server's log. */
  log(message: string): void;
  readonly asynchronousRequests: AsynchronousRequests;
  /**
   * Gives the answer of another item in place of this one's (Poll).
   * @param outcome undefined where it is still pending
   */
  answerFor(request: AsynchronousRequest, outcome: ItemOutcome | undefined): void;
  readonly provisioner: Provisioner;
  /** Whether officers have to approve that a client destroys an object, or is given its value in clear. */
  needsOfficers(
    action: 'destroy' | 'export',
    object: Pick<StoredObject, 'domainId' | 'attributes'>,
  ): Promise<boolean>;
  /**
   * Has something done after the objects have been written and before the answer.
   * @throws HoldfastError FeatureNotSupported where they are written later, or may be undone
   */
  afterwards(work: () => Promise<void>): void;
  /** Leaves the ID Placeholder empty, whatever earlier items produced (Locate, Check). */
  emptyPlaceholder(): void;
}
