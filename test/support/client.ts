import { readFile } from 'node:fs/promises';
import { KmipClient } from '@holdfast/client';
import type { ServerProcess } from '@holdfast/testkit';
import type { VersionName } from '@holdfast/kmip';

/** A connection of the first client. */
export async function connectFirstClient(
  server: ServerProcess,
  version: VersionName = '2.1',
): Promise<KmipClient> {
  const { cert, key, ca } = server.clientFiles;
  return KmipClient.connect({
    host: server.host,
    port: server.port,
    cert: await readFile(cert),
    key: await readFile(key),
    ca: await readFile(ca),
    version,
    isStrict: true,
  });
}
