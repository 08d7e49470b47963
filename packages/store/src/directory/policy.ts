import {
  HoldfastError,
  SYSTEM_DOMAIN_ID,
  type Actor,
  type DomainPolicy,
  type Keyring,
  type Policies,
} from '@holdfast/core';
import {
  STORAGE_DIALECT,
  Tag,
  constraintsStructure,
  defaultsInformationStructure,
  type Codec,
} from '@holdfast/kmip';
import { decodeTtlv, encodeTtlv } from '@holdfast/ttlv';
import type { Database, Session } from '../postgres/database';
import { repeatable } from '../postgres/transaction';
import { domainOf, domains } from './tables';
import { DirectoryTransactions } from './transaction';

/** How a domain's policy lies in its column: JSON of TTLV structures in base64; nothing where nothing was set. */
interface PolicyColumn {
  readonly defaults?: string | undefined;
  readonly constraints?: string | undefined;
}

/** It is read with every connection of a client. */
const MAX_POLICY_LENGTH = 65_536;

/** The Policies port over PostgreSQL. */
export class PostgresPolicies implements Policies {
  readonly #transactions: DirectoryTransactions;

  constructor(
    private readonly database: Database,
    private readonly keyring: Keyring,
    nowMs: () => number,
  ) {
    this.#transactions = new DirectoryTransactions(database, keyring, nowMs);
  }

  async domainPolicy(domainId: string): Promise<DomainPolicy> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    const row = await repeatable(
      (run) => this.database.general(run),
      (session) => this.#row(session, domainId),
    );
    const { requiresEscrow } = domainOf(row).settings;
    return { ...policyIn(row), requiresEscrow };
  }

  async changeDomainPolicy(domainId: string, change: DomainPolicy, actor: Actor): Promise<void> {
    await this.keyring.ensure(SYSTEM_DOMAIN_ID);
    await this.#transactions.run(actor, async (transaction) => {
      const row = await this.#row(transaction.session, domainId);
      const policy = policyColumn({ ...policyIn(row), ...change });
      if (policy === row.policy) return;
      const changed = await transaction.update(domains, row, { policy });
      await transaction.record('domain.policy', changed, domainOf(row).name, domainId);
      await transaction.notify({ kind: 'domain', id: domainId });
    });
  }

  async #row(session: Session, domainId: string) {
    const [row] = await domains.find(session, this.keyring, { id: domainId });
    if (row === undefined) throw new HoldfastError('ItemNotFound', 'there is no such domain');
    return row;
  }
}

/** @throws HoldfastError InvalidField where it is too long to be kept */
function policyColumn({ objectDefaults, constraints }: DomainPolicy): string | null {
  const column: PolicyColumn = {
    defaults: encoded(
      defaultsInformationStructure,
      Tag.DefaultsInformation,
      objectDefaults && { objectDefaults },
    ),
    constraints: encoded(constraintsStructure, Tag.Constraints, constraints && { constraints }),
  };
  const text = JSON.stringify(column);
  if (text.length > MAX_POLICY_LENGTH) {
    throw new HoldfastError('InvalidField', 'defaults and constraints of the domain are too long to be kept');
  }
  return text === '{}' ? null : text;
}

function policyIn(row: Parameters<typeof domainOf>[0]): DomainPolicy {
  const { defaults, constraints } = JSON.parse((row.policy ?? '{}') as string) as PolicyColumn;
  return {
    keysInHsm: domainOf(row).settings.keysInHsm,
    objectDefaults: decoded(defaultsInformationStructure, defaults)?.objectDefaults,
    constraints: decoded(constraintsStructure, constraints)?.constraints,
  };
}

function encoded<T>(codec: Codec<T>, tag: number, value: T | undefined): string | undefined {
  const item = value === undefined ? undefined : codec.encode(tag, value, STORAGE_DIALECT);
  return item === undefined ? undefined : encodeTtlv(item).toString('base64');
}

function decoded<T>(codec: Codec<T>, text: string | undefined): T | undefined {
  return text === undefined
    ? undefined
    : codec.decode(decodeTtlv(Buffer.from(text, 'base64')), STORAGE_DIALECT);
}
