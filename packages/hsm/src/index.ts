export { ROOT_KEY_BYTES } from './root-key-format';
export {
  NEXT_SOFTWARE_ROOT_FILE,
  promoteRootKeyFile,
  removeRootKeyFile,
  removeUnfinishedRootKeys,
  SOFTWARE_ROOT_FILE,
} from './root-key-file';
export {
  createSoftwareRoot,
  openSharedRootKey,
  openSoftwareRoot,
  SOFTWARE_ROOT_WARNING,
  type SoftwareRootOptions,
} from './software-root';
export { REQUEST_TIMEOUT_MS } from './pkcs11/device-pool';
export type { DeviceLog } from './pkcs11/device-slot';
export { openPkcs11Root, TokenKeeper, type Pkcs11RootOptions, type SelfTestStep } from './pkcs11/pkcs11-root';
export type { Pkcs11Target, RootKeyFacts, TokenFacts } from './pkcs11/protocol';
