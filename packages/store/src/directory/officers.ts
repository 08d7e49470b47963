import { randomUUID } from 'node:crypto';
import type { Actor, Officer, OfficerRole } from '@holdfast/core';
import { requireName } from './names';
import { notFound, type DirectoryRows } from './rows';
import { officerOf, officers } from './tables';

/** Officers and auditors. */
export class Officers {
  constructor(
    private readonly rows: DirectoryRows,
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

  async withToken(tokenSha256: Buffer): Promise<Officer | undefined> {
    const [officer] = await this.rows.list(officers, 't.token_sha256 = $1', officerOf, [tokenSha256]);
    return officer;
  }

  revoke(name: string, actor: Actor, role: OfficerRole = 'officer'): Promise<void> {
    return this.rows.change(actor, async (transaction) => {
      const row = await this.rows.named(transaction.session, officers, name);
      if (officerOf(row).role !== role) notFound(`no ${role} is called ${JSON.stringify(name)}`);
      if (row.revoked_at !== null) return;
      const revoked = await transaction.update(officers, row, { revoked_at: this.nowSeconds() });
      await transaction.record(`${role}.revoke`, revoked, name);
    });
  }
}
