import { createCrypto } from '@holdfast/crypto';
import { dialectNamed, type IdentifierReference, type VersionName } from '@holdfast/kmip';
import { certificates } from '@holdfast/pki';
import { HoldfastError } from '@holdfast/ttlv';
import type { OperationContext } from '../src';

export const NOW = 1_800_000_000;

const crypto = createCrypto();

/** What the rules about new objects need of a context: everything but objects that exist already. */
export function ruleContext(version: VersionName): OperationContext {
  const context: Omit<
    OperationContext,
    | 'objects'
    | 'issuingAuthority'
    | 'server'
    | 'tickets'
    | 'catalogue'
    | 'protocolVersions'
    | 'asynchronousRequests'
    | 'answerFor'
  > = {
    principal: {
      clientId: 'client',
      clientName: 'client',
      domainId: 'domain',
      role: 'user',
      credentialId: 'credential',
      peer: '127.0.0.1:1',
    },
    dialect: dialectNamed(version),
    nowSeconds: NOW,
    policy: {},
    changePolicy: () => Promise.resolve(),
    crypto,
    asker: { principalId: 'client', signal: undefined },
    hsmKeys: undefined,
    certificates,
    identify: (reference: IdentifierReference | undefined) => {
      if (typeof reference === 'string') return reference;
      throw new HoldfastError('ItemNotFound', 'no such result');
    },
    produced: () => undefined,
    log: () => undefined,
    becomeClient: () => undefined,
    needsOfficers: () => Promise.resolve(false),
    provisioner: { prepare: () => Promise.reject(new Error('not here')) },
    afterwards: () => undefined,
    emptyPlaceholder: () => undefined,
  };
  return context as OperationContext;
}
