import { HoldfastError, SecretBytes, type Actor, type Directory } from '@holdfast/core';
import { prepareFolder } from './archive-files';
import type { Retention } from './protocol';

/** Kept where no database administrator can set it. */
const RETENTION_SECRET = 'audit-retention';
const MAX_DAYS = 36_500;

export async function readRetention(directory: Pick<Directory, 'findServerSecret'>): Promise<Retention> {
  const secret = await directory.findServerSecret(RETENTION_SECRET);
  if (secret === undefined) return {};
  return JSON.parse(secret.value.reveal().toString('utf8')) as Retention;
}

/** @throws HoldfastError InvalidField; Configuration where the folder cannot be written to */
export async function writeRetention(
  directory: Pick<Directory, 'replaceServerSecret'>,
  retention: Retention,
  actor: Actor,
): Promise<void> {
  const { days, archiveDir } = retention;
  checkRetention(retention);
  if (archiveDir !== undefined) await prepareFolder(archiveDir);
  const value = new SecretBytes(Buffer.from(JSON.stringify({ days, archiveDir })));
  await directory.replaceServerSecret({ name: RETENTION_SECRET, value }, actor);
}

/** @throws HoldfastError InvalidField */
export function checkRetention({ days, archiveDir }: Retention): void {
  if (days !== undefined && (!Number.isInteger(days) || days < 1 || days > MAX_DAYS)) {
    throw new HoldfastError('InvalidField', `records stay for 1 to ${MAX_DAYS} days`);
  }
  if (days !== undefined && archiveDir === undefined) {
    throw new HoldfastError('InvalidField', 'name a folder for archives');
  }
}
