import type { ReshareRequest } from './admin-protocol';
import type { RootConfig } from './config';

/** One version of a domain's key, and how many rows need it. */
export interface DomainKeyAnswer {
  readonly domain: string;
  readonly version: number;
  /**
   * `announced`: about to become `current`; `resealing`: objects are still under it; `in use`: other sealed rows are;
   * `superseded`: nothing is; `retiring`: nothing can be written under it any more; `retired`: its sealing key is
   * destroyed, and what verifies records is left.
   */
  readonly state: 'announced' | 'current' | 'resealing' | 'in use' | 'superseded' | 'retiring' | 'retired';
  readonly createdAt: string;
  /** Since when it is announced, current, superseded, retiring or retired. */
  readonly changedAt: string;
  readonly objects: number;
  /** Asynchronous requests. */
  readonly requests: number;
  readonly directoryRows: number;
  readonly records: number;
  /** Values destroyed while it was current: until it is retired, copies of the database may hold what opens them. */
  readonly destroyed: number;
}

export interface RotationAnswer {
  /** Earlier versions that are not retired yet. */
  readonly waiting: number;
  /** What the node that is asked is sealing anew. */
  readonly progress: { readonly domainId: string; readonly done: number; readonly total: number } | undefined;
}

export interface MoveRootRequest {
  /** Where the new root key is; a new one of the same kind where that is left out. */
  readonly to?: RootConfig;
  /** The passphrase that seals it, or the PIN of the HSM's user. */
  readonly secret?: string;
  /** Of a new root key that custodians are to hold: what its shares say, and as many of them as are needed, for this node. */
  readonly shared?: ReshareRequest;
}

export interface DestroyRootKeyRequest {
  readonly checkValue: string;
  /** The tokens that have it. */
  readonly at: Extract<RootConfig, { readonly kind: 'pkcs11' }>;
  /** The PIN of the HSM's user. */
  readonly secret: string;
}

/** The root keys that wrap the domain keys, by their check values. */
export interface RootAnswer {
  /** Of the node that is asked. */
  readonly kind: string;
  readonly own: string;
  readonly current: string;
  readonly incoming: string | undefined;
  readonly outgoing: string | undefined;
  /**
   * `moving`: the incoming root key wraps ever more domain keys; `interrupted`: it does not wrap all, and this node is not
   * about it; `moved`: the one before is not retired yet.
   */
  readonly state: 'settled' | 'moving' | 'interrupted' | 'moved';
  /** Versions of domain keys, and how many of them the incoming root key wraps. */
  readonly domainKeys: number;
  readonly wrapped: number;
  /** How many nodes run with which. */
  readonly nodes: { readonly current: number; readonly outgoing: number };
  /** Why the last move failed. */
  readonly problem: string | undefined;
  /** The file in the data folder that a move has left which never began: nothing is wrapped by the root key in it. */
  readonly unusedFile: string | undefined;
  /** To which shares for this node are sealed. */
  readonly publicKeyPem: string;
}
