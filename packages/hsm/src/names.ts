/** The entry for programs that need names and no HSM. */
export { DEFAULT_ROOT_KEY_LABEL } from './pkcs11/root-key-label';
