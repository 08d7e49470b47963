import { keyStoreContract } from '@holdfast/testkit';
import { openFixture } from './support/fixture';

keyStoreContract('the key store over PostgreSQL', async () => {
  const fixture = await openFixture();
  return { keyStore: fixture.store.keyStore, close: () => fixture.close() };
});
