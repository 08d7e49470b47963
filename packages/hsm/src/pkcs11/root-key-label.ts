/** CKA_LABEL of root keys, unless another one is configured. */
export const DEFAULT_ROOT_KEY_LABEL = 'holdfast-root';
