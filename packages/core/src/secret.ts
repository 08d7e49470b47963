export { SecretBytes } from '@holdfast/ttlv';
