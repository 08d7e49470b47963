/** What a client that does not listen on a connection of its own is to be told: written with the change that it is about. */
export interface NewAnnouncement {
  readonly domainId: string;
  readonly clientId: string;
  readonly uniqueIdentifier: string;
  /** The announcement without any value of the object, in the words of the client's version. */
  readonly content: Buffer;
}

export interface KeptAnnouncement extends NewAnnouncement {
  readonly id: string;
}

/** What waits to be told, in the order of the changes to each object. */
export interface AnnouncementStore {
  /**
   * Becomes the one process of all that tells; undefined while another one does.
   * @throws HoldfastError StoreUnavailable
   */
  lead(): Promise<Lead | undefined>;
  /** The clients for whom something waits. */
  waitingClients(): Promise<readonly string[]>;
  /** What is told to a client next. @throws HoldfastError IntegrityViolation for a row that is not what was written */
  next(clientId: string, maximumItems: number): Promise<readonly KeptAnnouncement[]>;
  /** One was told, or never will be. */
  remove(id: string): Promise<void>;
  /** Removes all that waits for a client beyond the newest ones. @returns how many there were */
  cut(clientId: string, keptItems: number): Promise<number>;
}

export interface Lead {
  /** False once the connection that proves it was lost. */
  readonly isHeld: boolean;
  end(): Promise<void>;
}
