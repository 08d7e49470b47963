import type { ConnectionOptions } from 'node:tls';
import { LoadGenerator } from './load';
import { identifiersOf, registerRequest } from './requests';

const BATCH_ITEMS = 200;
const CONNECTIONS = 4;

/** Registers keys; returns their identifiers by number. */
export async function seed(options: ConnectionOptions, keys: number): Promise<readonly string[]> {
  const identifiers = new Array<string>(keys);
  let next = 0;
  const line = async (): Promise<void> => {
    const generator = await LoadGenerator.connect(options, 1);
    while (next < keys) {
      const from = next;
      const to = (next = Math.min(keys, from + BATCH_ITEMS));
      await generator.run(
        {
          request: () => registerRequest(from, to),
          check: (response) => {
            identifiersOf(response).forEach((identifier, index) => (identifiers[from + index] = identifier));
          },
        },
        0,
      );
    }
    generator.close();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, line));
  return identifiers;
}
