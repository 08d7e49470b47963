import { HoldfastError, type CertificationAuthority, type Directory } from '@holdfast/core';

/** Name of the CA that the first start makes; its successors are numbered. */
export const BUILT_IN_AUTHORITY = 'holdfast';
/** The server secret that names the authority of the server certificates, once it is not the first any more. */
export const SERVING_SECRET = 'serving-authority';

/** A CA of this server's own, with its key. */
export type BuiltInAuthority = CertificationAuthority & {
  readonly privateKey: NonNullable<CertificationAuthority['privateKey']>;
};

export function nameOfGeneration(generation: number): string {
  return generation === 1 ? BUILT_IN_AUTHORITY : `${BUILT_IN_AUTHORITY}-${generation}`;
}

function generationOf(name: string): number {
  return Number(new RegExp(`^${BUILT_IN_AUTHORITY}-(\\d+)$`).exec(name)?.[1] ?? 1);
}

/** The built-in authorities that are trusted, newest first. */
export async function builtInAuthorities(directory: Directory): Promise<readonly BuiltInAuthority[]> {
  return (await directory.listAuthorities())
    .flatMap((authority) => {
      const { privateKey, revokedAtSeconds } = authority;
      return privateKey === undefined || revokedAtSeconds !== undefined ? [] : [{ ...authority, privateKey }];
    })
    .sort((one, other) => generationOf(other.name) - generationOf(one.name));
}

/** The authority that the server certificates come from. @throws HoldfastError ItemNotFound where there is none */
export async function servingAuthority(directory: Directory): Promise<BuiltInAuthority> {
  const chosen = await directory.findServerSecret(SERVING_SECRET);
  const name = chosen === undefined ? BUILT_IN_AUTHORITY : chosen.value.reveal().toString('utf8');
  const found = (await builtInAuthorities(directory)).find((authority) => authority.name === name);
  if (found === undefined) throw new HoldfastError('ItemNotFound', 'the built-in authority is missing');
  return found;
}
