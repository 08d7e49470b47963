import { createServer as createTlsServer } from 'node:tls';
import { createServer, isIP, type AddressInfo, type Server, type Socket } from 'node:net';
import { Command } from 'commander';
import { KmipClient, type KmipClientOptions } from '@holdfast/client';
import { ENCODINGS, Tag, tagName, tags as knownTags } from '@holdfast/kmip';
import { DEFAULT_LIMITS, FrameReader, HoldfastError, ItemType, type Item } from '@holdfast/ttlv';
import { valueText, withoutValue } from '../../conformance/describe';
import { errorCode } from '../../error-code';
import { wrongUse } from '../../exit';
import { printable } from '../../table';
import { clientOptions } from '../connect';
import { withConnectionOptions } from '../options';
import { connectionSettings, parseServer, readNamedFile, type ConnectionFlags } from '../settings';
import { explain } from '../explain';

interface TraceFlags extends ConnectionFlags {
  readonly listen: string;
  readonly listenCert?: string;
  readonly listenKey?: string;
}

const LOOPBACK = /^(?:127\.|::1$|localhost$)/;
/** Byte strings that say nothing of keys. All others are shown by their length alone. */
const SHOWN_BYTES: ReadonlySet<number> = new Set([Tag.UniqueBatchItemID, Tag.IVCounterNonce]);
const LIMITS = { ...DEFAULT_LIMITS, maxMessageBytes: 64 * 1024 * 1024, maxItems: 1_000_000 };

/** Byte strings and Big Integers are mostly keys; of what a vendor has in tags of its own nobody knows what it is. */
function mayBeSecret(item: Item, tags: readonly number[]): boolean {
  if (item.type === ItemType.ByteString) return !SHOWN_BYTES.has(item.tag);
  return item.type === ItemType.BigInteger || [...tags, item.tag].some((tag) => !knownTags.byValue.has(tag));
}

/** The items of a message, one on a line; no secret among them. */
function* lines(
  item: Item,
  tags: readonly number[],
  siblings: readonly Item[],
  indent: string,
): Generator<string> {
  const name = tagName(item.tag);
  if (item.type === ItemType.Structure) {
    yield `${indent}${name}`;
    const before: Item[] = [];
    for (const child of item.value) {
      yield* lines(child, [...tags, item.tag], before, `${indent}  `);
      before.push(child);
    }
  } else {
    const value = mayBeSecret(item, tags) ? withoutValue(item) : valueText(item, tags, siblings);
    yield `${indent}${name}: ${value}`;
  }
}

function show(arrow: string, connection: number, bytes: Buffer, elapsedMs?: number): void {
  const time = elapsedMs === undefined ? '' : ` after ${elapsedMs} ms`;
  const heading = `${arrow} connection ${connection}, ${bytes.length} bytes${time}`;
  try {
    const text = [...lines(ENCODINGS.ttlv.decode(bytes, LIMITS), [], [], '  ')];
    process.stdout.write(`${[heading, ...text.map(printable)].join('\n')}\n\n`);
  } catch (error) {
    process.stdout.write(`${heading}\n  cannot be read: ${printable(explain(error).message)}\n\n`);
  }
}

/** What ended a connection of the program, or its handshake; the words of OpenSSL are for nobody. */
function endingText(error: unknown, inHandshake = false): string {
  if (error instanceof HoldfastError && error.code === 'InvalidMessage')
    return `what the program sends is no KMIP in TTLV (${error.message})`;
  const code = errorCode(error) ?? '';
  if (/^ERR_SSL_(?:WRONG_VERSION_NUMBER|HTTP)/.test(code)) return 'the program does not speak TLS';
  if (/^ERR_SSL_.*ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_)/.test(code))
    return 'the program does not accept the certificate of the proxy';
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return inHandshake
      ? 'the program left during the TLS handshake; most likely it does not accept the certificate of the proxy'
      : 'the program broke the connection off';
  }
  if (code.startsWith('ERR_SSL_')) return `TLS with the program failed (${code})`;
  return explain(error).message;
}

/** Carries one connection's messages to the server and back. */
async function carry(socket: Socket, connection: number, options: KmipClientOptions): Promise<void> {
  const reader = new FrameReader({ tags: [Tag.RequestMessage], maxFrameBytes: LIMITS.maxMessageBytes });
  const client = await KmipClient.connect({ ...options, encoding: 'ttlv', version: '1.0' });
  try {
    for await (const chunk of socket) {
      for (const request of reader.push(chunk as Buffer)) {
        show('>', connection, request);
        const sentAtMs = Date.now();
        const answer = await client.exchangeBytes(request);
        show('<', connection, answer, Date.now() - sentAtMs);
        socket.write(answer);
      }
      if (reader.fault !== undefined) throw reader.fault;
    }
  } finally {
    await client.close();
  }
}

/** @throws CommandFailure wrong use */
function tlsServer(cert: Buffer, key: Buffer, accept: (socket: Socket) => void): Server {
  try {
    const server = createTlsServer(
      { cert, key, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.2' },
      accept,
    );
    return server.on('tlsClientError', (error) =>
      process.stdout.write(`- a connection came to nothing: ${printable(endingText(error, true))}\n\n`),
    );
  } catch {
    throw wrongUse(
      'the certificate and the key of the proxy cannot be used together',
      'Both are PEM; the key is that of the certificate, and not encrypted.',
    );
  }
}

async function trace(flags: TraceFlags): Promise<void> {
  const { host, port = 0 } = parseServer(flags.listen.replace(/:0$/, ''));
  if (!LOOPBACK.test(host)) {
    throw wrongUse(
      `${host} is not of this machine alone`,
      'The proxy listens on 127.0.0.1, ::1 or localhost.',
    );
  }
  if ((flags.listenCert === undefined) !== (flags.listenKey === undefined)) {
    throw wrongUse('--listen-cert and --listen-key go together');
  }
  const options = await clientOptions(await connectionSettings(flags, process.env));
  let connections = 0;
  const accept = (socket: Socket): void => {
    const connection = ++connections;
    socket.on('error', () => undefined);
    process.stdout.write(`- connection ${connection} begins\n\n`);
    carry(socket, connection, options)
      .catch((error: unknown) => process.stdout.write(`- ${printable(endingText(error))}\n`))
      .finally(() => {
        socket.destroy();
        process.stdout.write(`- connection ${connection} ends\n\n`);
      });
  };
  const { listenCert, listenKey } = flags;
  const server =
    listenCert === undefined || listenKey === undefined
      ? createServer(accept)
      : tlsServer(
          await readNamedFile(listenCert, 'the certificate of the proxy'),
          await readNamedFile(listenKey, 'the key of the proxy'),
          accept,
        );
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        wrongUse(
          `${flags.listen} cannot be listened on (${errorCode(cause) ?? 'unknown reason'})`,
          'Use another --listen.',
        ),
      ),
    );
    server.listen(port, host, resolve);
  });
  const { address, port: taken } = server.address() as AddressInfo;
  process.stderr.write(
    `Listening on ${isIP(address) === 6 ? `[${address}]` : address}:${taken}${listenCert === undefined ? ' without TLS' : ''}. ` +
      'Whoever connects there acts with the certificate given here. Ctrl-C ends it.\n',
  );
  await new Promise((resolve) => server.once('close', resolve));
}

/** `kmip trace`: a proxy that shows what a program and a server say to each other. */
export function traceCommand(): Command {
  return withConnectionOptions(
    new Command('trace')
      .description(
        'Listen on this machine, pass everything on to the server, and show the dialogue without secrets.',
      )
      .option('--listen <host:port>', 'where the program connects to', '127.0.0.1:0')
      .option(
        '--listen-cert <file>',
        'certificate that the proxy shows to the program, PEM; without it no TLS',
      )
      .option('--listen-key <file>', 'private key of that certificate, PEM')
      .addHelpText(
        'after',
        `
The program has to trust the proxy's certificate. Bytes are shown by their number; keys, data, passwords and the values of
vendors' own tags never.

A certificate for it:
  $ openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 7 -subj /CN=localhost \\
      -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout proxy-key.pem -out proxy.pem

Example:
  $ kmip trace --listen 127.0.0.1:5697 --listen-cert proxy.pem --listen-key proxy-key.pem
`,
      ),
  ).action(trace);
}
