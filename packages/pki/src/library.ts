/** The parts of @peculiar/x509 that this package works with. */
export type X509Library = typeof import('@peculiar/x509');

/**
 * Loads @peculiar/x509 at the first certificate that is issued: it takes a tenth of a second, which a start that issues
 * none should not pay. Its dependency injection needs the reflection polyfill first.
 */
export async function loadX509(): Promise<X509Library> {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}
