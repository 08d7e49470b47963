import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DEFAULT_DOMAIN_NAME,
  HoldfastError,
  SYSTEM_DOMAIN_ID,
  type Actor,
  type CertificatesPort,
  type Clock,
  type Directory,
  type Keyring,
  type PublishedAddresses,
} from '@holdfast/core';
import { Administration } from './administration';
import { OFFICER_FILE_NAME, type OfficerCredential } from './admin-protocol';
import { BUILT_IN_AUTHORITY } from './built-in-authorities';
import { writeClientFiles } from './client-files';
import { syncFolder } from './folder';
import { newOfficerToken, officerTokenSha256 } from './officer';

/** Folder in the data folder with the first client's certificate and key. */
export const FIRST_CLIENT_FOLDER = 'client';
const FIRST_CLIENT_NAME = 'first-client';
const FIRST_OFFICER_NAME = 'first-officer';
const SYSTEM: Actor = { kind: 'system', id: 'system', name: 'first start' };

export interface BootstrapPorts {
  readonly directory: Directory;
  readonly keyring: Keyring;
  readonly certificates: CertificatesPort;
  readonly clock: Clock;
  readonly addresses: PublishedAddresses;
}

/** Runs `add`; where another node was faster, what it made serves as well. @returns whether it was made here */
async function unlessThere(add: () => Promise<unknown>): Promise<boolean> {
  try {
    await add();
    return true;
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'ObjectAlreadyExists') return false;
    throw error;
  }
}

/**
 * What every installation begins with: the default domain, the built-in CA, the first officer and the first client.
 * Each is made where it is missing altogether, so a start that was interrupted is taken up again, and nothing that was
 * removed on purpose comes back.
 */
export async function bootstrap(dataDir: string, ports: BootstrapPorts): Promise<void> {
  const { directory, keyring, certificates, clock, addresses } = ports;
  await keyring.ensure(SYSTEM_DOMAIN_ID);
  if (!(await directory.everHad('domain'))) {
    await unlessThere(() => directory.addDomain(DEFAULT_DOMAIN_NAME, SYSTEM));
  }
  if (!(await directory.everHad('authority'))) {
    const authority = await certificates.createAuthority({
      commonName: 'Holdfast CA',
      nowSeconds: clock.nowSeconds(),
    });
    await unlessThere(() =>
      directory.addAuthority(
        { name: BUILT_IN_AUTHORITY, certificateDer: authority.der, privateKey: authority.privateKey },
        SYSTEM,
      ),
    );
  }
  if (!(await directory.everHad('officer'))) await makeFirstOfficer(dataDir, directory);
  if (!(await directory.everHad('client'))) {
    const administration = new Administration(directory, certificates, clock, addresses, () => false);
    await makeFirstClient(dataDir, administration);
  }
}

/** The credential's file is on the disk before the officer is, so no interruption leaves an installation without officer. */
async function makeFirstOfficer(dataDir: string, directory: Directory): Promise<void> {
  const path = join(dataDir, OFFICER_FILE_NAME);
  const credential: OfficerCredential = { officer: FIRST_OFFICER_NAME, token: newOfficerToken() };
  await moveAside(path);
  const text = `${JSON.stringify(credential, undefined, 2)}\n`;
  await writeFile(path, text, { mode: 0o600, flag: 'wx', flush: true });
  await syncFolder(dataDir);
  const made = await unlessThere(() =>
    directory.addOfficer(
      { name: FIRST_OFFICER_NAME, tokenSha256: officerTokenSha256(credential.token) },
      SYSTEM,
    ),
  );
  if (!made) await rm(path);
}

/** Its files, too, are there before the client is. */
async function makeFirstClient(dataDir: string, administration: Administration): Promise<void> {
  const folder = join(dataDir, FIRST_CLIENT_FOLDER);
  let delivered = false as boolean;
  const made = await unlessThere(() =>
    administration.addClient({ name: FIRST_CLIENT_NAME, credential: {} }, SYSTEM, async (files) => {
      await moveAside(folder);
      await writeClientFiles(folder, files);
      delivered = true;
    }),
  );
  if (!made && delivered) await rm(folder, { recursive: true, force: true });
}

/** What is left of an interrupted start, or belongs to another database, is out of the way but not lost. */
async function moveAside(path: string): Promise<void> {
  try {
    await rename(path, `${path}.${new Date().toISOString().replaceAll(':', '')}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
