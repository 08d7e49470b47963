export { rootOfTrustContract } from './root-of-trust-contract';
