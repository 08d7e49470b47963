import { readFile, stat } from 'node:fs/promises';
import { HoldfastError } from '@holdfast/ttlv';

/** The user and group that the database server runs under; undefined stands for those of this process. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** In order of preference; `nobody` exists everywhere, but other services may share it. */
const ACCOUNT_NAMES = ['holdfast', 'postgres', 'nobody'];

/**
 * PostgreSQL refuses to run as root, so root hands it to another account: the owner of the cluster when there is one,
 * else the first of {@link ACCOUNT_NAMES} that exists (initdb needs an account with an entry in the password file).
 *
 * @param clusterFolder the cluster's folder, which need not exist yet
 * @throws HoldfastError Configuration when this system offers no such account, or the cluster belongs to someone else
 */
export async function serverAccount(clusterFolder: string): Promise<Account | undefined> {
  const ownUid = process.geteuid?.();
  const owner = await stat(clusterFolder).catch(() => undefined);
  if (ownUid !== 0) {
    if (owner !== undefined && owner.uid !== ownUid) {
      throw new HoldfastError(
        'Configuration',
        `The embedded database belongs to the user with uid ${String(owner.uid)}: start Holdfast as that user, or as root.`,
      );
    }
    return undefined;
  }
  if (process.platform !== 'linux') {
    throw new HoldfastError(
      'Configuration',
      'The embedded PostgreSQL cannot be run by root on this system: start Holdfast as an ordinary user, or give --database-url.',
    );
  }
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  return localAccount();
}

async function localAccount(): Promise<Account> {
  const lines = (await readFile('/etc/passwd', 'utf8').catch(() => ''))
    .split('\n')
    .map((line) => line.split(':'));
  for (const name of ACCOUNT_NAMES) {
    const [, , uid, gid] = lines.find(([entry]) => entry === name) ?? [];
    if (uid !== undefined && gid !== undefined && Number(uid) > 0)
      return { uid: Number(uid), gid: Number(gid) };
  }
  throw new HoldfastError(
    'Configuration',
    `PostgreSQL does not run as root, and none of the users ${ACCOUNT_NAMES.join(', ')} exists: create one, start Holdfast as an ordinary user, or give --database-url.`,
  );
}
