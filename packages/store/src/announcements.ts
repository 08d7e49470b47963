import { randomUUID } from 'node:crypto';
import {
  SYSTEM_DOMAIN_ID,
  type AnnouncementStore,
  type KeptAnnouncement,
  type Keyring,
  type Lead,
  type NewAnnouncement,
} from '@holdfast/core';
import { AuthenticatedTable, type DirectoryRow } from './directory/table';
import type { Database, Session } from './postgres/database';
import { takeLead } from './postgres/lead';
import { repeatable } from './postgres/transaction';

/** One that comes back is told again, to a client that may still have what it is about: no record is needed. */
export const announcements = new AuthenticatedTable(
  'announcement',
  { domain_id: 'uuid', client_id: 'uuid', unique_identifier: 'text', content: 'bytea' },
  [],
  false,
);
type Row = typeof announcements extends AuthenticatedTable<infer Column> ? DirectoryRow<Column> : never;

/** Writes announcements within the transaction of the changes that they are about. */
export async function writeAnnouncements(
  session: Session,
  keyring: Keyring,
  news: readonly NewAnnouncement[],
): Promise<void> {
  if (news.length > 0) await keyring.ensure(SYSTEM_DOMAIN_ID);
  for (const { domainId, clientId, uniqueIdentifier, content } of news) {
    await announcements.insert(session, keyring, {
      id: randomUUID(),
      domain_id: domainId,
      client_id: clientId,
      unique_identifier: uniqueIdentifier,
      content,
    });
  }
}

/** The AnnouncementStore port over PostgreSQL. */
export class PostgresAnnouncements implements AnnouncementStore {
  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
  ) {}

  lead(): Promise<Lead | undefined> {
    return takeLead(this.database.clientConfig(), 'holdfast announcements');
  }

  waitingClients(): Promise<readonly string[]> {
    return this.#run(async (session) => {
      const rows = await session.query<{ client_id: string }>('SELECT DISTINCT client_id FROM announcement');
      return rows.map(({ client_id }) => client_id);
    });
  }

  next(clientId: string, maximumItems: number): Promise<readonly KeptAnnouncement[]> {
    return this.#run(async (session) => {
      const wanted = { client_id: clientId };
      const order = 'ORDER BY t.position LIMIT $2';
      const rows = await announcements.find(session, this.keyring, wanted, order, [maximumItems]);
      return rows.map(announcementOf);
    });
  }

  async remove(id: string): Promise<void> {
    await this.#run((session) => session.query('DELETE FROM announcement WHERE id = $1', [id]));
  }

  cut(clientId: string, keptItems: number): Promise<number> {
    return this.#run(async (session) => {
      const cut = await session.query(
        `DELETE FROM announcement WHERE client_id = $1 AND position <=
          (SELECT position FROM announcement WHERE client_id = $1 ORDER BY position DESC OFFSET $2 LIMIT 1)
          RETURNING 1`,
        [clientId, keptItems],
      );
      return cut.length;
    });
  }

  async #run<T>(work: (session: Session) => Promise<T>): Promise<T> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    return repeatable((run) => this.database.general(run), work);
  }
}

// What was authenticated was written above.
function announcementOf(row: Row): KeptAnnouncement {
  return {
    id: row.id,
    domainId: row.domain_id as string,
    clientId: row.client_id as string,
    uniqueIdentifier: row.unique_identifier as string,
    content: row.content as Buffer,
  };
}
