import { Operation, Tag } from '@holdfast/kmip';
import { HoldfastError } from '@holdfast/ttlv';
import { caseName, readCase, type CaseFolder } from './case-file';
import { cleanUp } from './clean-up';
import type { Difference } from './compare';
import { ServerMemory, enumerationAt } from './memory';
import { playCase, type Asked, type Failure, type Transport } from './play';

/** A connection to the server; each case gets one of its own. */
export interface Peer {
  readonly transport: Transport;
  readonly close: () => Promise<void>;
}

export interface CaseResult {
  readonly name: string;
  /** Of the folder, relative to what was asked for. */
  readonly folder: string;
  readonly passed: boolean;
  /** The exchange at which it ended, counted from 1; absent where it passed. */
  readonly exchange?: number;
  /** Why there was no answer to compare. */
  readonly problem?: string;
  readonly differences?: readonly Difference[];
}

export interface RunOptions {
  readonly connect: () => Promise<Peer>;
  /** What the server asks; undefined where nothing listens. */
  readonly asked?: Asked | undefined;
  /** Seconds since 1970. */
  readonly clock: () => number;
  /** What the cases make is left on the server. */
  readonly keep: boolean;
}

/** A case that cannot be read, or that the server leaves without an answer, has failed; the others are played. */
async function outcome(play: () => Promise<Failure | undefined>): Promise<Partial<CaseResult>> {
  try {
    const failure = await play();
    return failure ?? {};
  } catch (error) {
    if (error instanceof HoldfastError || (error instanceof Error && error.name === 'ConnectionFailure')) {
      return { problem: error.message };
    }
    throw error;
  }
}

/**
 * Plays the cases of each folder in turn and yields what came out of each.
 * @throws ConnectionFailure where no connection can be had
 */
export async function* runCases(
  folders: readonly CaseFolder[],
  options: RunOptions,
): AsyncGenerator<CaseResult> {
  const server = new ServerMemory();
  for (const folder of folders) {
    for (const file of folder.files) {
      const before = new Set(server.left.keys());
      let isBracketed = false as boolean;
      const result = await withPeer(options, ({ transport }) => {
        const watched: Transport = (request) => {
          isBracketed ||= enumerationAt(request, Tag.BatchItem, Tag.Operation) === Operation.Interop;
          return transport(request);
        };
        return outcome(async () =>
          playCase(await readCase(file), watched, server, options.clock, options.asked),
        );
      });
      const passed = result.problem === undefined && result.differences === undefined;
      // Later cases may build on what one leaves behind, but not on what it left half-done, nor on a case that says where
      // it begins and ends (Interop).
      if (!passed || isBracketed)
        await tidy(
          server,
          [...server.left.keys()].filter((made) => !before.has(made)),
          options,
        );
      yield { name: caseName(file), folder: folder.path, passed, ...result };
    }
    await tidy(server, [...server.left.keys()], options);
  }
}

async function tidy(server: ServerMemory, made: readonly string[], options: RunOptions): Promise<void> {
  if (options.keep || made.length === 0) return;
  await withPeer(options, ({ transport }) =>
    outcome(async () => {
      await cleanUp(transport, server, made);
      return undefined;
    }),
  );
}

async function withPeer<T>(options: RunOptions, use: (peer: Peer) => Promise<T>): Promise<T> {
  const peer = await options.connect();
  try {
    return await use(peer);
  } finally {
    await peer.close();
  }
}
