import type { StoreOptions, Wrapping } from '@holdfast/store';
import type { HsmKeyCalls } from '@holdfast/core';
import type { NodeConfig } from './config';
import type { ServingAddresses } from './node';

/** What keeper and workers say to each other over their channel (structured clones, so bytes stay bytes). */
export type ToWorker =
  | {
      readonly kind: 'start';
      readonly config: NodeConfig;
      readonly connection: StoreOptions['connection'];
      readonly hasHsm: boolean;
    }
  | { readonly kind: 'listen' }
  | { readonly kind: 'connections'; readonly id: number }
  | { readonly kind: 'stop' }
  /** The answer to an 'unwrap' (the key) or a 'wrap', or the code and message of the refusal. */
  | {
      readonly kind: 'root';
      readonly id: number;
      readonly bytes?: Uint8Array;
      readonly wrappings?: readonly Wrapping[];
      readonly error?: readonly [string, string];
    }
  /** The answer to an 'hsm' call: its output, or the code and message of the refusal. */
  | {
      readonly kind: 'hsm';
      readonly id: number;
      readonly output?: unknown;
      readonly error?: readonly [string, string];
    };

export type ToKeeper =
  | { readonly kind: 'started' }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  | { readonly kind: 'listening'; readonly addresses: ServingAddresses }
  | { readonly kind: 'connections'; readonly id: number; readonly count: number }
  /** How many rows of the audit log that it wrote were lost since it started. */
  | { readonly kind: 'lost'; readonly rows: number }
  | ({ readonly kind: 'root'; readonly id: number; readonly aad: Uint8Array } & RootCall)
  | {
      readonly kind: 'hsm';
      readonly id: number;
      readonly call: keyof HsmKeyCalls;
      readonly input: HsmKeyCalls[keyof HsmKeyCalls]['in'];
    };

export type RootCall =
  | { readonly call: 'wrap'; readonly bytes: Uint8Array }
  | { readonly call: 'unwrap'; readonly wrappings: readonly Wrapping[] };
