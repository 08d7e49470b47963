import type { OperationDefinition } from '../operation';
import { activate } from './activate';
import { addAttribute } from './add-attribute';
import { adjustAttribute } from './adjust-attribute';
import { archive } from './archive';
import { cancel } from './cancel';
import { certify } from './certify';
import { check } from './check';
import { create } from './create';
import { createKeyPair } from './create-key-pair';
import { createSplitKey } from './create-split-key';
import { decrypt } from './decrypt';
import { delegatedLogin } from './delegated-login';
import { deleteAttribute } from './delete-attribute';
import { deriveKey } from './derive-key';
import { destroy } from './destroy';
import { discoverVersions } from './discover-versions';
import { encrypt } from './encrypt';
import { exportObject } from './export';
import { get } from './get';
import { getAttributeList } from './get-attribute-list';
import { getAttributes } from './get-attributes';
import { getConstraints } from './get-constraints';
import { getUsageAllocation } from './get-usage-allocation';
import { hash } from './hash';
import { interop } from './interop';
import { joinSplitKey } from './join-split-key';
import { importObject } from './import';
import { locate } from './locate';
import { log } from './log';
import { login } from './login';
import { logout } from './logout';
import { mac } from './mac';
import { macVerify } from './mac-verify';
import { modifyAttribute } from './modify-attribute';
import { notify } from './notify';
import { obtainLease } from './obtain-lease';
import { ping } from './ping';
import { pkcs11 } from './pkcs-11';
import { poll } from './poll';
import { process } from './process';
import { put } from './put';
import { query } from './query';
import { queryAsynchronousRequests } from './query-asynchronous-requests';
import { reCertify } from './re-certify';
import { reKey } from './re-key';
import { reKeyKeyPair } from './re-key-key-pair';
import { reProvision } from './re-provision';
import { recover } from './recover';
import { register } from './register';
import { revoke } from './revoke';
import { rngRetrieve } from './rng-retrieve';
import { rngSeed } from './rng-seed';
import { setAttribute } from './set-attribute';
import { setConstraints } from './set-constraints';
import { setDefaults } from './set-defaults';
import { setEndpointRole } from './set-endpoint-role';
import { sign } from './sign';
import { signatureVerify } from './signature-verify';
import { validate } from './validate';

/** Every operation that this server has, in the order of their codes. */
export const operations: readonly OperationDefinition[] = [
  create,
  createKeyPair,
  register,
  reKey,
  deriveKey,
  certify,
  reCertify,
  locate,
  check,
  get,
  getAttributes,
  getAttributeList,
  addAttribute,
  modifyAttribute,
  deleteAttribute,
  obtainLease,
  getUsageAllocation,
  activate,
  revoke,
  destroy,
  archive,
  recover,
  validate,
  query,
  cancel,
  poll,
  discoverVersions,
  reKeyKeyPair,
  encrypt,
  decrypt,
  sign,
  signatureVerify,
  mac,
  macVerify,
  rngRetrieve,
  rngSeed,
  hash,
  createSplitKey,
  joinSplitKey,
  importObject,
  exportObject,
  log,
  adjustAttribute,
  login,
  logout,
  delegatedLogin,
  setAttribute,
  setEndpointRole,
  pkcs11,
  reProvision,
  setDefaults,
  setConstraints,
  getConstraints,
  ping,
  queryAsynchronousRequests,
  process,
];

/** What a server in test mode has besides. */
export const testModeOperations: readonly OperationDefinition[] = [interop];

export {
  activate,
  addAttribute,
  adjustAttribute,
  archive,
  cancel,
  certify,
  check,
  create,
  createKeyPair,
  createSplitKey,
  decrypt,
  delegatedLogin,
  deleteAttribute,
  deriveKey,
  destroy,
  discoverVersions,
  encrypt,
  exportObject,
  get,
  getAttributeList,
  getAttributes,
  getConstraints,
  getUsageAllocation,
  hash,
  interop,
  joinSplitKey,
  importObject,
  locate,
  log,
  login,
  logout,
  mac,
  macVerify,
  modifyAttribute,
  notify,
  obtainLease,
  ping,
  pkcs11,
  poll,
  process,
  put,
  query,
  queryAsynchronousRequests,
  reCertify,
  reKey,
  reKeyKeyPair,
  reProvision,
  recover,
  register,
  revoke,
  rngRetrieve,
  rngSeed,
  setAttribute,
  setConstraints,
  setDefaults,
  setEndpointRole,
  sign,
  signatureVerify,
  validate,
};
