import { randomUUID } from 'node:crypto';
import { HoldfastError, type Actor, type Keyring, type Officer, type OfficerRole } from '@holdfast/core';
import { withdrawVotes } from '../approvals';
import type { Session } from '../postgres/database';
import { requireName } from './names';
import { notFound, type DirectoryRows } from './rows';
import { officerOf, officers } from './tables';

/** Officers and auditors. */
export class Officers {
  constructor(
    private readonly rows: DirectoryRows,
    private readonly keyring: Keyring,
    private readonly nowSeconds: () => number,
  ) {}

  add(
    officer: Pick<Officer, 'name' | 'tokenSha256'> & Partial<Pick<Officer, 'role'>>,
    actor: Actor,
  ): Promise<Officer> {
    const { name, tokenSha256, role = 'officer' } = officer;
    requireName(name);
    return this.rows.change(actor, async (transaction) => {
      const row = await transaction.insert(officers, {
        id: randomUUID(),
        name,
        token_sha256: tokenSha256,
        created_at: this.nowSeconds(),
        revoked_at: null,
        role,
      });
      await transaction.record(`${role}.add`, row, name);
      return officerOf(row);
    });
  }

  async list(role: OfficerRole = 'officer'): Promise<readonly Officer[]> {
    const all = await this.rows.list(officers, 'true ORDER BY t.name', officerOf);
    return all.filter((each) => each.role === role);
  }

  withToken(tokenSha256: Buffer): Promise<Officer | undefined> {
    return this.rows.read(async (session) => {
      const [row] = await officers.find(session, this.keyring, { token_sha256: tokenSha256 });
      return row === undefined ? undefined : officerOf(row);
    });
  }

  revoke(name: string, actor: Actor, role: OfficerRole = 'officer', remaining = 0): Promise<void> {
    return this.rows.change(actor, async (transaction) => {
      const { session } = transaction;
      // Of two who revoke each other the second finds that nobody else would be left.
      await session.query('LOCK TABLE officer IN SHARE ROW EXCLUSIVE MODE');
      const row = await this.#revocable(session, name, role, remaining);
      if (row === undefined) return;
      await withdrawVotes(transaction, this.keyring, row.id, this.nowSeconds());
      const revoked = await transaction.update(officers, row, { revoked_at: this.nowSeconds() });
      await transaction.record(`${role}.revoke`, revoked, name);
    });
  }

  async requireRevocable(name: string, role: OfficerRole, remaining: number): Promise<void> {
    await this.rows.read((session) => this.#revocable(session, name, role, remaining));
  }

  /** The row of one who can be revoked; undefined where that is done already. @throws HoldfastError ItemNotFound, PermissionDenied */
  async #revocable(session: Session, name: string, role: OfficerRole, remaining: number) {
    const row = await this.rows.named(session, officers, name);
    if (officerOf(row).role !== role) notFound(`no ${role} is called ${JSON.stringify(name)}`);
    if (row.revoked_at !== null) return undefined;
    const all = await officers.select(session, this.keyring, 'true');
    const valid = all.filter((each) => each.revoked_at === null && officerOf(each).role === role);
    if (valid.length <= remaining) {
      throw new HoldfastError('PermissionDenied', tooFew(remaining));
    }
    return row;
  }
}

function tooFew(remaining: number): string {
  return remaining === 1
    ? 'the last officer cannot be revoked: add another one first'
    : `a rule needs ${remaining} officers (see holdfast approval rules): add another one first`;
}
