import { existsSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { HoldfastError } from '@holdfast/ttlv/basics';
import type { Ceremony } from '@holdfast/server';
import { OFFICER_FILE_NAME } from '@holdfast/server/admin';
import { ENDING_SIGNALS } from '../exit';
import { readCeremony, sharesText, withCeremonyOptions, type CeremonyOptions } from './ceremony';
import { withConfigFile } from './config-file';
import { withDataDir } from './options';
import { ROOT_KEY_FILE, readRoot, secretsOfNode, withRootOptions, type RootOptions } from './root-options';
import { readSecretFile, type Warn } from './secret-file';

export interface NodeOptions extends RootOptions {
  readonly dataDir: string;
  readonly databaseUrl?: string;
  readonly host?: readonly string[];
  readonly crlUrl?: readonly string[];
  readonly caIssuerUrl?: readonly string[];
  readonly logLevel: string;
  /** From the configuration file alone. */
  readonly limits?: Readonly<Record<string, unknown>>;
}
interface ServeOptions extends NodeOptions {
  readonly listen: string;
  readonly httpsListen?: string;
  readonly workers: number;
  readonly welcome?: boolean;
  readonly testMode?: boolean;
  readonly approvedOnly?: boolean;
  readonly hsmRandom?: boolean;
  readonly authentication?: string;
  readonly httpsAuthentication?: string;
  readonly auditGrace?: number;
  readonly syslog?: string;
  readonly syslogCa?: string;
  readonly syslogCert?: string;
  readonly syslogKey?: string;
}

const DATABASE_URL_FILE = 'HOLDFAST_DATABASE_URL_FILE';

/** A sequencer that ended without a word is replaced within five seconds. */
const MIN_GRACE_SECONDS = 15;
const MAX_GRACE_SECONDS = 30 * 86_400;

/** How long a process that has stopped may take to end by itself. */
const LINGER_MS = 1000;

const collect = (value: string, earlier: readonly string[] = []): readonly string[] => [...earlier, value];

function workerCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 256)
    throw new InvalidArgumentError('give a number from 1 to 256.');
  return count;
}

function graceSeconds(text: string): number {
  const seconds = Number(text);
  if (!Number.isInteger(seconds) || seconds < MIN_GRACE_SECONDS || seconds > MAX_GRACE_SECONDS) {
    throw new InvalidArgumentError(`give a number from ${MIN_GRACE_SECONDS} to ${MAX_GRACE_SECONDS}.`);
  }
  return seconds;
}

export function withNodeOptions(command: Command): Command {
  return withRootOptions(withConfigFile(withDataDir(command)))
    .addOption(
      new Option('--database-url <url>', 'PostgreSQL to use instead of the embedded default').env(
        'HOLDFAST_DATABASE_URL',
      ),
    )
    .addHelpText(
      'after',
      `\nSecrets may come from files: ${DATABASE_URL_FILE}, HOLDFAST_PASSPHRASE_FILE and HOLDFAST_HSM_PIN_FILE name them.\n`,
    )
    .option('--host <name>', 'a further DNS name or address in the server certificate (repeatable)', collect)
    .option(
      '--crl-url <url>',
      'CRL distribution point in the certificates of server and clients (repeatable)',
      collect,
    )
    .option(
      '--ca-issuer-url <url>',
      'authority information access in the certificates of server and clients (repeatable)',
      collect,
    )
    .addOption(
      new Option('--log-level <level>', 'how much is logged')
        .choices(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'])
        .env('HOLDFAST_LOG_LEVEL')
        .default('info'),
    );
}

/** The URL may hold a password: then it comes from a file, and is on no command line and in no environment. */
export async function databaseUrl(options: NodeOptions, warn?: Warn): Promise<string | undefined> {
  const kept = await readSecretFile(DATABASE_URL_FILE, warn);
  if (kept !== undefined && options.databaseUrl !== undefined) {
    throw new HoldfastError('Configuration', `give the database URL or ${DATABASE_URL_FILE}, not both`);
  }
  return kept?.toString('utf8') ?? options.databaseUrl;
}

/** Opens a node as the options say; what it needs is loaded only now. */
async function openNode(
  options: NodeOptions,
  {
    listen,
    httpsListen,
    workers,
    testMode = false,
    approvedOnly = false,
    hsmRandom = false,
    authentication = 'certificate',
    httpsAuthentication = authentication,
    auditGrace,
    ...syslog
  }: Omit<ServeOptions, keyof NodeOptions>,
  ceremony?: Ceremony,
): Promise<import('@holdfast/server').Node> {
  const {
    DEFAULT_AUDIT_GRACE_SECONDS,
    LOG_LEVELS,
    Node,
    createLogger,
    parseListen,
    parsePolicy,
    readLimits,
  } = await import('@holdfast/server');
  const addresses = {
    listen: parseListen(listen),
    httpsListen: httpsListen === undefined ? undefined : parseListen(httpsListen),
  };
  const logLevel = LOG_LEVELS.find((level) => level === options.logLevel);
  if (logLevel === undefined) {
    throw new HoldfastError('Configuration', `the log level is one of ${LOG_LEVELS.join(', ')}`);
  }
  // The log is all that goes to standard error from here on.
  const log = createLogger(logLevel);
  const warn: Warn = (message) => log.warn(message);
  const { root, secret } = await readRoot(options, secretsOfNode(options.dataDir), warn);
  return Node.open(
    {
      dataDir: options.dataDir,
      root,
      ...addresses,
      databaseUrl: await databaseUrl(options, warn),
      workers,
      logLevel,
      tlsHosts: options.host ?? [],
      crlUrls: options.crlUrl ?? [],
      caIssuerUrls: options.caIssuerUrl ?? [],
      limits: readLimits(options.limits ?? {}),
      auditGraceSeconds: auditGrace ?? DEFAULT_AUDIT_GRACE_SECONDS,
      syslog: syslogConfig(syslog, parseListen),
      authentication: parsePolicy(authentication),
      httpsAuthentication: parsePolicy(httpsAuthentication),
      testMode,
      approvedOnly,
      hsmRandom,
    },
    secret,
    ceremony,
  );
}

/** @throws HoldfastError Configuration where something is missing */
function syslogConfig(
  { syslog, syslogCa, syslogCert, syslogKey }: Omit<ServeOptions, keyof NodeOptions | 'listen' | 'workers'>,
  parse: (text: string) => { readonly host: string; readonly port: number },
) {
  if (syslog === undefined) return undefined;
  if (syslogCa === undefined || (syslogCert === undefined) !== (syslogKey === undefined)) {
    throw new HoldfastError(
      'Configuration',
      '--syslog needs --syslog-ca, and --syslog-cert and --syslog-key go together',
    );
  }
  return { ...parse(syslog), caFile: syslogCa, certFile: syslogCert, keyFile: syslogKey };
}

/** What ends it in order, from the first moment on: a signal that comes while the node starts stops it once it has started. */
function stopSignal(): { readonly requested: () => boolean; readonly arrived: Promise<void> } {
  let requested = false;
  const arrived = new Promise<void>((resolveArrived) => {
    const onSignal = (): void => {
      requested = true;
      resolveArrived();
    };
    for (const signal of ENDING_SIGNALS) process.on(signal, onSignal);
  });
  return { requested: () => requested, arrived };
}

async function serve(options: ServeOptions): Promise<void> {
  const signal = stopSignal();
  const node = await openNode(options, options);
  void signal.arrived.then(() => node.stop());
  try {
    if (!signal.requested()) {
      const addresses = await node.serve();
      if (options.welcome === true && addresses !== undefined && !signal.requested()) {
        welcome(options.dataDir, addresses.kmip.port);
      }
    }
  } catch (error) {
    await node.stop();
    throw error;
  }
  await node.ended;
  endSoon();
}

/** A search for primes goes on after all has been put in order, and holds up process.exit too: nobody waits for it. */
function endSoon(): void {
  setTimeout(() => {
    process.removeAllListeners('SIGTERM');
    process.kill(process.pid, 'SIGTERM');
  }, LINGER_MS).unref();
}

/** What to do next, on standard output: the log goes to standard error. */
function welcome(dataDir: string, port: number): void {
  const folder = relative(process.cwd(), resolve(dataDir, 'client')) || '.';
  const quoted = /^[\w./-]+$/.test(folder) ? folder : `'${folder}'`;
  process.stdout.write(`
Holdfast serves KMIP on 127.0.0.1:${port}. In another terminal, from this folder:

  export KMIP_SERVER=127.0.0.1:${port} KMIP_CERT=${quoted}/cert.pem KMIP_KEY=${quoted}/key.pem KMIP_CA=${quoted}/ca.pem
  npx kmip create --algorithm AES --length 256 --name my-first-key
  npx kmip locate --name my-first-key

A certificate for another client:  npx holdfast client add NAME --out FOLDER
This set-up is for evaluation: see README.md for production. Ctrl-C stops it.

`);
}

export function serveCommand(): Command {
  return withNodeOptions(new Command('serve'))
    .description('run a node in the foreground; logs (JSON) go to standard error')
    .option('--listen <host:port>', 'address to serve KMIP on; port 0 takes a free one', '127.0.0.1:5696')
    .option(
      '--https-listen <host:port>',
      'address to serve KMIP over HTTPS on too: POST /kmip with TTLV, XML or JSON',
    )
    .option(
      '--authentication <policy>',
      'certificate, certificate-and-credential or certificate-or-credential (default: certificate)',
    )
    .option('--https-authentication <policy>', 'the same for HTTPS (default: as --authentication)')
    .option(
      '--workers <number>',
      'processes that serve; more than the machine has processors gain nothing',
      workerCount,
      1,
    )
    .option(
      '--test-mode',
      'have Interop, by which any client can empty its domain: for conformance tests alone',
    )
    .option(
      '--audit-grace <seconds>',
      'how long to serve while the audit log is not signed or the root of trust is away (default: 3600)',
      graceSeconds,
    )
    .option(
      '--syslog <host:port>',
      'forward the audit log and its checkpoints: RFC 5424 over TLS (RFC 5425), records in CEF',
    )
    .option('--syslog-ca <file>', "authorities of the receiver's certificate, PEM")
    .option('--syslog-cert <file>', 'certificate to show to the receiver, PEM')
    .option('--syslog-key <file>', 'its private key, PEM')
    .option('--approved-only', 'refuse cryptography that NIST SP 800-131A disallows')
    .option('--hsm-random', 'mix random bytes of the HSM into those of keys')
    .addOption(new Option('--welcome', 'print what to do next').hideHelp())
    .addHelpText('after', '\nExample:\n  holdfast serve --data-dir /var/lib/holdfast --listen 0.0.0.0:5696\n')
    .action((options: ServeOptions) => serve(options));
}

async function init(options: NodeOptions & CeremonyOptions): Promise<void> {
  const dataDir = resolve(options.dataDir);
  const start = `Start it with the same settings: holdfast serve --data-dir ${options.dataDir} --listen HOST:5696\n`;
  const address = { listen: '127.0.0.1:0', workers: 1 };
  const prepared = await readCeremony(options);
  if (prepared !== undefined) {
    await (await openNode(options, address, prepared.ceremony)).stop();
    process.stdout.write(setUp(dataDir, sharesText(prepared), `${start.trimEnd()} --root shares\n`));
    return;
  }
  // The first officer is made with the database, and never again.
  const path = join(dataDir, OFFICER_FILE_NAME);
  const credential = (): number | undefined => (existsSync(path) ? statSync(path).ino : undefined);
  const before = credential();
  await (await openNode(options, address)).stop();
  if (credential() === undefined || credential() === before) {
    process.stdout.write(
      `Holdfast was set up before; what there is was kept, and this node is in ${dataDir}.\n${start}`,
    );
    return;
  }
  const rootKey =
    options.root === 'software'
      ? `  ${ROOT_KEY_FILE}        the software root of trust: without it no key opens\n`
      : `  The root key "${options.pkcs11Key}" stays in the HSM: without it no key opens.\n`;
  process.stdout.write(setUp(dataDir, rootKey, start));
}

function setUp(dataDir: string, rootKey: string, start: string): string {
  return `Holdfast is set up in ${dataDir}.
${rootKey}  officer.json    credential of the first officer: hand it out and remove it from this machine
  client/         certificate, key and CA of the first client
${start}`;
}

export function initCommand(): Command {
  return withCeremonyOptions(withNodeOptions(new Command('init')))
    .description('set a node up (root of trust, CA, first officer, first client) without serving')
    .addHelpText(
      'after',
      `
Example, with a root key that any two of three custodians hold:
  holdfast init --root shares --threshold 2 --custodian alice=alice.pem --custodian bob=bob.pem --custodian carol=carol.pem
`,
    )
    .action((options: NodeOptions & CeremonyOptions) => init(options));
}
