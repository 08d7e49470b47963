import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { READING_VOCABULARY, type VersionName } from '@holdfast/kmip';
import { asFirstOfficer, type ServerProcess } from '@holdfast/testkit';
import { ItemType, decodeXmlDocument, type Item } from '@holdfast/ttlv';
import { freePort } from '../support/port';

/** The OASIS cases are no part of this repository: they are played where they lie beside it. */
export const SHARED = resolve(__dirname, '../../../shared');
export const OASIS = join(SHARED, 'oasis');
const KMIP = resolve(__dirname, '../../packages/cli/bin/kmip.js');

/** What stands for values of the moment in the cases. */
const EXAMPLES: Partial<Record<ItemType, string>> = {
  [ItemType.DateTime]: '2026-01-02T03:04:05Z',
  [ItemType.ByteString]: '00ff',
  [ItemType.TextString]: 'a value',
  [ItemType.BigInteger]: 'ffffffffffffff85',
  [ItemType.Boolean]: 'true',
};

/** All messages of a case. */
export function messagesOf(path: string): Item[] {
  return decodeXmlDocument(readFileSync(path, 'utf8'), READING_VOCABULARY, {
    substitute: (value, _tag, type) => (value.startsWith('$') ? (EXAMPLES[type] ?? '1') : value),
  });
}

export function xmlFilesBelow(folder: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => name.endsWith('.xml'))
    .map((name) => join(folder, name));
}

/** TTLV over TLS alone, or one of the encodings over HTTPS. */
export type Encoding = 'tls' | 'ttlv' | 'xml' | 'json';

/** What came out of one case. */
export interface CaseOutcome {
  readonly name: string;
  readonly folder: string;
  readonly passed: boolean;
  /** The exchange at which it ended, from 1. */
  readonly exchange?: number;
  readonly differences?: readonly {
    readonly path: string;
    readonly expected: string;
    readonly actual: string;
  }[];
}

interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** Runs the built `kmip` command. */
export function kmip(...args: readonly string[]): Promise<Outcome> {
  return new Promise((done) => {
    const child = execFile(
      process.execPath,
      [KMIP, ...args],
      { maxBuffer: 64 * 1024 * 1024 },
      (_error, stdout) => {
        done({ code: child.exitCode ?? -1, output: stdout });
      },
    );
  });
}

/** What a server is started with on which cases are played. */
export const CASE_SERVER = { arguments: ['--test-mode', '--https-listen', '127.0.0.1:0'] } as const;

/** Plays the cases of a folder against a server, and ends it. @param version what the server tells the client in */
export async function conformance(
  server: ServerProcess,
  folder: string,
  encoding: Encoding,
  version: VersionName = '1.4',
): Promise<{ readonly code: number; readonly passed: number; readonly cases: readonly CaseOutcome[] }> {
  try {
    // Cases of 2.x that show a credential show this one.
    const officer = await asFirstOfficer(server);
    await officer.call('POST /users', { name: 'admin', password: 'password' });
    // Where some cases have the server connect to.
    const port = await freePort();
    const notify = { host: '127.0.0.1', port, version };
    const [client] = await officer.call('GET /clients');
    await officer.call('POST /clients/:name/settings', { notify }, { name: client?.name ?? '' });
    const { cert, key, ca } = server.clientFiles;
    const address =
      encoding === 'tls'
        ? ['--server', `${server.host}:${server.port}`]
        : ['--server', `https://${server.host}:${server.https?.port}/kmip`, '--encoding', encoding];
    const { code, output } = await kmip(
      ...['conformance', '--json', ...address],
      ...['--cert', cert, '--key', key, '--ca', ca],
      ...['--notify-listen', `127.0.0.1:${port}`],
      folder,
    );
    return { code, ...(JSON.parse(output) as { passed: number; cases: CaseOutcome[] }) };
  } finally {
    await server.stop();
  }
}
