import { randomUUID } from 'node:crypto';
import type { Actor, CertificationAuthority, CredentialRule, Keyring } from '@holdfast/core';
import type { Session } from '../postgres/database';
import { requireName } from './names';
import type { DirectoryRows } from './rows';
import { openColumns, sealColumns } from './sealed-columns';
import { authorities, authorityOf } from './tables';

/** Certification authorities whose certificates clients show, and those that this installation issues from. */
export class Authorities {
  constructor(
    private readonly rows: DirectoryRows,
    private readonly keyring: Keyring,
    private readonly nowSeconds: () => number,
  ) {}

  add(
    authority: Pick<CertificationAuthority, 'name' | 'certificateDer' | 'privateKey'>,
    actor: Actor,
  ): Promise<CertificationAuthority> {
    const { name, certificateDer, privateKey } = authority;
    const id = randomUUID();
    requireName(name);
    return this.rows.change(actor, async (transaction) => {
      const sealed = privateKey === undefined ? undefined : sealColumns(this.keyring, id, 1, privateKey);
      const row = await transaction.insert(authorities, {
        id,
        name,
        certificate_der: certificateDer,
        salt: sealed?.salt ?? null,
        sealed: sealed?.sealed ?? null,
        created_at: this.nowSeconds(),
        revoked_at: null,
      });
      await transaction.record('authority.add', row, name);
      await transaction.notify({ kind: 'authority', id });
      return authorityOf(row, privateKey);
    });
  }

  list(): Promise<readonly CertificationAuthority[]> {
    return this.rows.list(authorities, 'true ORDER BY t.created_at, t.name', (row) =>
      authorityOf(row, openColumns(this.keyring, row, 1)),
    );
  }

  /** Whoever is known by a name, rather than by one certificate, is known for as long as the authority is trusted that gives it. */
  async vouchFor(session: Session, rule: CredentialRule): Promise<boolean> {
    if (rule.kind === 'fingerprint') return true;
    const [authority] = await authorities.find(session, this.keyring, { id: rule.authorityId });
    return authority?.revoked_at === null;
  }

  revoke(name: string, actor: Actor): Promise<void> {
    return this.rows.change(actor, async (transaction) => {
      const row = await this.rows.named(transaction.session, authorities, name);
      if (row.revoked_at === null) {
        const revoked = await transaction.update(authorities, row, { revoked_at: this.nowSeconds() });
        await transaction.record('authority.revoke', revoked, name);
      }
      await transaction.notify({ kind: 'authority', id: row.id });
    });
  }
}
