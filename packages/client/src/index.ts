export * from './client';
export { KMIP_PORT, type ConnectionOptions, type ServerAddress, type TlsFacts } from './tls';
export { ConnectionFailure, type ConnectionFailureReason } from './connection-failure';
export { isEncryptedKey, type TlsCredentials } from './credentials';
export { KmipRefusal } from './refusal';
export { toldByServer, type Told } from './told';
