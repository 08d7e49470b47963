import type { StoreOptions, Wrapping } from '@holdfast/store';
import type { NodeConfig } from './config';
import type { ServingAddresses } from './node';

/** What keeper and workers say to each other over their channel (structured clones, so bytes stay bytes). */
export type ToWorker =
  | { readonly kind: 'start'; readonly config: NodeConfig; readonly connection: StoreOptions['connection'] }
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
    };

export type ToKeeper =
  | { readonly kind: 'started' }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
  | { readonly kind: 'listening'; readonly addresses: ServingAddresses }
  | { readonly kind: 'connections'; readonly id: number; readonly count: number }
  | ({ readonly kind: 'root'; readonly id: number; readonly aad: Uint8Array } & RootCall);

export type RootCall =
  | { readonly call: 'wrap'; readonly bytes: Uint8Array }
  | { readonly call: 'unwrap'; readonly wrappings: readonly Wrapping[] };
