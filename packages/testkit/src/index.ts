export { startTestPostgres, type TestPostgres } from './postgres';
export { rootOfTrustContract } from './root-of-trust-contract';
