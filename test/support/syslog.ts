import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import { certificates } from '@holdfast/pki';
import { freePort } from './port';

/** A receiver of syslog over TLS (RFC 5425) that demands a certificate, and keeps what it was sent. */
export class SyslogReceiver {
  readonly messages: string[] = [];
  /** How many messages there were when each connection began. */
  readonly connections: number[] = [];
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;

  private constructor(
    private readonly folder: string,
    private readonly identity: TlsOptions,
    private readonly port: number,
  ) {}

  static async start(): Promise<SyslogReceiver> {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-syslog-'));
    const nowSeconds = Math.floor(Date.now() / 1000);
    const authority = await certificates.createAuthority({ commonName: 'Syslog CA', nowSeconds });
    const ca = { certificateDer: authority.der, privateKey: authority.privateKey };
    const [own, node] = [
      await certificates.issueServer(ca, { hosts: ['localhost', '127.0.0.1'], nowSeconds }),
      await certificates.issueClient(ca, { name: 'node', nowSeconds }),
    ];
    const keyPem = (issued: typeof own) => certificates.privateKeyPem(issued.privateKey).reveal();
    writeFileSync(join(folder, 'ca.pem'), authority.pem);
    writeFileSync(join(folder, 'cert.pem'), node.pem);
    writeFileSync(join(folder, 'key.pem'), keyPem(node));
    const identity = { key: Buffer.from(keyPem(own)), cert: own.pem, ca: authority.pem };
    const receiver = new SyslogReceiver(folder, { ...identity, requestCert: true }, await freePort());
    await receiver.listen();
    return receiver;
  }

  /** What `holdfast serve` is told. */
  get arguments(): readonly string[] {
    const file = (name: string): string => join(this.folder, name);
    return [
      ...['--syslog', `127.0.0.1:${this.port}`, '--syslog-ca', file('ca.pem')],
      ...['--syslog-cert', file('cert.pem'), '--syslog-key', file('key.pem')],
    ];
  }

  /** On the port that is its own, also while it is away. */
  async listen(): Promise<void> {
    const server = createServer(this.identity, (socket) => this.#take(socket));
    this.#server = server;
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
  }

  /** Ends at once, as if the machine had died. */
  async kill(): Promise<void> {
    const closed = new Promise((resolve) => this.#server?.close(resolve));
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await closed;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true });
  }

  #take(socket: TLSSocket): void {
    this.connections.push(this.messages.length);
    socket.on('error', () => undefined);
    let rest: Buffer = Buffer.alloc(0);
    socket.on('data', (data: Buffer) => {
      rest = Buffer.concat([rest, data]);
      for (let space = rest.indexOf(' '); space !== -1; space = rest.indexOf(' ')) {
        const end = space + 1 + Number(rest.toString('latin1', 0, space));
        if (rest.length < end) return;
        this.messages.push(rest.toString('utf8', space + 1, end));
        rest = rest.subarray(end);
      }
    });
  }
}
