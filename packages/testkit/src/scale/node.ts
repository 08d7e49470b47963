import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdminClient, OFFICER_FILE_NAME, readOfficerFile } from '@holdfast/server/admin';
import { startServerProcess, type ServerProcess, type ServerProcessOptions } from '../server-process';

/** How clients reach a node; the files' contents, PEM. */
export interface NodeConnection {
  readonly host: string;
  readonly port: number;
  readonly key: string;
  readonly cert: string;
  readonly ca: string;
}

/** One of several servers on one database, which can be killed and started again. */
export class Node {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'holdfast-scale-'));
  #isDown = true;
  #server: ServerProcess | undefined;

  /** @param options of `startServerProcess` */
  constructor(
    readonly name: string,
    private readonly options: ServerProcessOptions,
  ) {}

  get server(): ServerProcess {
    if (this.#server === undefined) throw new Error(`node ${this.name} has not been started`);
    return this.#server;
  }

  /** Whether connections to it may break just now. */
  isDown(): boolean {
    return this.#isDown;
  }

  async start(): Promise<void> {
    this.#server = await startServerProcess({ ...this.options, dataDir: this.dataDir, logLevel: 'error' });
    this.#isDown = false;
  }

  async kill(): Promise<void> {
    this.#isDown = true;
    await this.server.kill();
  }

  async stop(): Promise<void> {
    this.#isDown = true;
    await this.#server?.stop();
  }

  remove(): void {
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  /** @param credentials the node whose first start made the first client and the first officer */
  connection({ server: { clientFiles } }: Node): NodeConnection {
    const read = (path: string): string => readFileSync(path, 'utf8');
    return {
      host: '127.0.0.1',
      port: this.server.port,
      key: read(clientFiles.key),
      cert: read(clientFiles.cert),
      ca: read(clientFiles.ca),
    };
  }

  async officer(credentials: Node): Promise<AdminClient> {
    const credential = await readOfficerFile(join(credentials.dataDir, OFFICER_FILE_NAME));
    return new AdminClient(this.dataDir, credential?.token);
  }
}
