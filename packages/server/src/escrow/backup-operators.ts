import { HoldfastError, SecretBytes, type Actor, type Directory } from '@holdfast/core';
import { keySha256, type EnvelopeHolders } from '@holdfast/crypto';

const OPERATORS_SECRET = 'backup-operators';

/** Those who can open what a backup operator makes: the SHA-256 of their public keys in order, hex, and how many it takes. */
interface BoundHolders {
  readonly keys: readonly string[];
  readonly threshold: number | null;
}
type Bindings = Readonly<Record<string, BoundHolders>>;

/** For whom each backup operator makes backups, by the operators' names. */
export class BackupOperators {
  constructor(
    private readonly directory: Pick<Directory, 'changeServerSecret' | 'findServerSecret' | 'serverSecret'>,
  ) {}

  async bind(operator: string, holders: EnvelopeHolders, actor: Actor): Promise<void> {
    // There has to be one, so that of two who set the first holders neither is lost.
    await this.directory.serverSecret(OPERATORS_SECRET, () => Promise.resolve(Buffer.from('{}')));
    const next = (before: SecretBytes | undefined): SecretBytes => {
      const bindings: Bindings = { ...bindingsIn(before), [operator]: boundTo(holders) };
      return new SecretBytes(Buffer.from(JSON.stringify(bindings)));
    };
    await this.directory.changeServerSecret(OPERATORS_SECRET, next, actor);
  }

  /** @throws HoldfastError PermissionDenied for other holders than those that were set */
  async requireBound(operator: string, holders: EnvelopeHolders): Promise<void> {
    const bindings = bindingsIn((await this.directory.findServerSecret(OPERATORS_SECRET))?.value);
    const bound = Object.hasOwn(bindings, operator) ? bindings[operator] : undefined;
    if (bound !== undefined && JSON.stringify(bound) === JSON.stringify(boundTo(holders))) return;
    throw new HoldfastError(
      'PermissionDenied',
      'this backup operator makes backups for other holders: give those, and the threshold, with which it was added',
    );
  }
}

function boundTo({ recipients, threshold }: EnvelopeHolders): BoundHolders {
  const keys = recipients.map(({ publicKey }) => keySha256(publicKey)).sort();
  return { keys, threshold: threshold ?? null };
}

function bindingsIn(value: SecretBytes | undefined): Bindings {
  return value === undefined ? {} : (JSON.parse(value.reveal().toString('utf8')) as Bindings);
}
