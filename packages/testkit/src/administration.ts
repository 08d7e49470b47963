import { join } from 'node:path';
import {
  AdminClient,
  OFFICER_FILE_NAME,
  readOfficerFile,
  type AddClientRequest,
  type ClientAnswer,
} from '@holdfast/server/admin';
import type { ServerProcess } from './server-process';
import type { Identity } from './wire/wire';

/** The running server, spoken to as its first officer. */
export async function asFirstOfficer({ dataDir }: Pick<ServerProcess, 'dataDir'>): Promise<AdminClient> {
  const credential = await readOfficerFile(join(dataDir, OFFICER_FILE_NAME));
  return new AdminClient(dataDir, credential?.token);
}

export interface AddedClient extends Identity {
  readonly client: ClientAnswer;
}

/** Adds a client with a certificate issued for it, in a domain that is made if need be. */
export async function addClient(
  server: Pick<ServerProcess, 'dataDir'>,
  name: string,
  options: Omit<AddClientRequest, 'name' | 'credential'> = {},
): Promise<AddedClient> {
  const officer = await asFirstOfficer(server);
  const { domain } = options;
  if (domain !== undefined && !(await officer.call('GET /domains')).some((each) => each.name === domain)) {
    await officer.call('POST /domains', { name: domain });
  }
  const issued = await officer.call('POST /clients', { ...options, name, credential: {} });
  const { certificatePem = '', privateKeyPem = '', caPem: ca, client } = issued;
  return { client, cert: certificatePem, key: privateKeyPem, ca };
}
