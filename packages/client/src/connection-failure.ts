import { HoldfastError } from '@holdfast/ttlv';

/** What stood between the client and an answer. */
export type ConnectionFailureReason =
  /** The client's own key, certificate or trusted certificates cannot be used. */
  | 'credentials'
  /** Nobody answers at this address. */
  | 'unreachable'
  /** The server is not the one that is trusted, or its certificate is no longer valid. */
  | 'server-certificate'
  /** The server does not take the client's certificate, as far as can be told. */
  | 'client-certificate'
  /** No TLS that both sides speak. */
  | 'tls'
  | 'timeout'
  /** The caller gave the call up, after it was sent. */
  | 'aborted'
  | 'closed'
  /** What came back is no KMIP answer to what was asked. */
  | 'protocol';

/** No answer was had. `outcomeKnown` is false where a request was sent and may have been carried out. */
export class ConnectionFailure extends Error {
  readonly reason: ConnectionFailureReason;
  /** What to try next. */
  readonly hint: string | undefined;
  readonly outcomeKnown: boolean;

  constructor(
    reason: ConnectionFailureReason,
    message: string,
    options: { readonly hint?: string; readonly cause?: unknown; readonly outcomeKnown?: boolean } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ConnectionFailure';
    this.reason = reason;
    this.hint = options.hint;
    this.outcomeKnown = options.outcomeKnown ?? true;
  }

  /** The same failure where what was asked could change nothing. */
  beforeAnyChange(): ConnectionFailure {
    const { reason, message, hint, cause } = this;
    return new ConnectionFailure(reason, message, { ...(hint === undefined ? {} : { hint }), cause });
  }
}

type Explanation = readonly [reason: ConnectionFailureReason, message: string, hint?: string];

const UNTRUSTED: Explanation = [
  'server-certificate',
  'the server’s certificate was not issued by a certification authority that is trusted here',
  'Give the certificate of the authority that issued the server’s certificate as the CA file.',
];
const NOBODY: Explanation = [
  'unreachable',
  'no server answers at this address',
  'Check the host name and the port, that the server runs, and that no firewall is in between.',
];
const NOT_ACCEPTED_HINT =
  'Usual reasons: the certificate is not registered there, was issued by an authority that the server does not trust, is revoked, or has expired.';
const NOT_ACCEPTED: Explanation = [
  'client-certificate',
  'the server does not accept this client certificate',
  NOT_ACCEPTED_HINT,
];
const NO_COMMON_TLS: Explanation = [
  'tls',
  'the server and this client have no TLS version or cipher suite in common',
  'TLS 1.2 or 1.3 is needed.',
];

/** Error codes of node:tls, node:net and OpenSSL. */
const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  ECONNREFUSED: NOBODY,
  EHOSTUNREACH: NOBODY,
  ENETUNREACH: NOBODY,
  ENOTFOUND: ['unreachable', 'the host name is not known', 'Check the spelling of the host name.'],
  EAI_AGAIN: ['unreachable', 'the host name cannot be resolved at the moment'],
  ETIMEDOUT: NOBODY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  CERT_SIGNATURE_FAILURE: UNTRUSTED,
  CERT_UNTRUSTED: UNTRUSTED,
  CERT_HAS_EXPIRED: [
    'server-certificate',
    'the server’s certificate, or one of its chain, has expired',
    'Renew it on the server; if it is valid there, check the clock of this machine.',
  ],
  CERT_NOT_YET_VALID: [
    'server-certificate',
    'the server’s certificate is not valid yet',
    'Check the clocks of this machine and of the server.',
  ],
  CERT_REVOKED: ['server-certificate', 'the server’s certificate is revoked'],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'server-certificate',
    'the server’s certificate does not name the host that was asked for',
    'Connect by a name or address that the certificate has, or say with the server name option which of its names to expect.',
  ],
  ERR_SSL_WRONG_VERSION_NUMBER: [
    'tls',
    'what answers at this address does not speak TLS',
    'Check the port: KMIP servers usually listen on 5696.',
  ],
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: NO_COMMON_TLS,
  ERR_SSL_UNSUPPORTED_PROTOCOL: NO_COMMON_TLS,
  ERR_SSL_NO_PROTOCOLS_AVAILABLE: NO_COMMON_TLS,
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: [
    'client-certificate',
    'the server demands a client certificate, and none was given',
    'Give the client’s certificate and its private key.',
  ],
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: [
    'client-certificate',
    'the server broke the TLS handshake off',
    'It may demand a client certificate, not accept this one, or have no cipher suite in common.',
  ],
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: [
    'client-certificate',
    'the server says that the client certificate has expired',
    'Have a new certificate issued; if this one is valid, compare the clocks of both machines.',
  ],
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED: [
    'client-certificate',
    'the server says that the client certificate is revoked',
    'Have a new certificate issued.',
  ],
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: NOT_ACCEPTED,
  ERR_SSL_TLSV1_ALERT_ACCESS_DENIED: NOT_ACCEPTED,
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: NOT_ACCEPTED,
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: NOT_ACCEPTED,
  ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE: NOT_ACCEPTED,
};

/** The `code` of an error, wherever it comes from. */
function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return '';
  // Since OpenSSL 3.2 (Node.js 24) the alerts that SSL 3.0 had are named after TLS as well.
  return typeof error.code === 'string' ? error.code.replace('ERR_SSL_SSL/TLS_', 'ERR_SSL_SSLV3_') : '';
}

/** How far a connection had come when it broke. */
export interface ConnectionProgress {
  readonly address: string;
  readonly secure: boolean;
  /** A message was received on it. */
  readonly answered: boolean;
  /** Requests were sent that have no answer. */
  readonly pending: boolean;
}

function closedEarly(progress: ConnectionProgress): Explanation {
  if (!progress.secure) {
    return [
      'client-certificate',
      'the server closed the connection during the TLS handshake',
      `Most likely it does not accept the client certificate. ${NOT_ACCEPTED_HINT}`,
    ];
  }
  if (!progress.answered) {
    return [
      'client-certificate',
      'the server closed the connection right after the TLS handshake',
      `Most likely it does not accept the client certificate. ${NOT_ACCEPTED_HINT}`,
    ];
  }
  return ['closed', 'the server closed the connection'];
}

function withAddress(address: string, message: string): string {
  return `${address}: ${message}`;
}

/** Why a connection broke: the error that the socket gave, or none where the peer just closed it. */
export function explainBreak(error: unknown, progress: ConnectionProgress): ConnectionFailure {
  if (error instanceof ConnectionFailure) return error;
  const explained = EXPLANATIONS[codeOf(error)];
  const [reason, message, hint] = explained ?? closedEarly(progress);
  // An alert in place of the first answer says that nothing was done; that the certificate is the reason of a bare close is
  // only a guess.
  const refusedOutright = explained !== undefined && reason === 'client-certificate' && !progress.answered;
  return new ConnectionFailure(reason, withAddress(progress.address, message), {
    ...(hint === undefined ? {} : { hint }),
    ...(error === undefined ? {} : { cause: error }),
    outcomeKnown: !progress.pending || refusedOutright,
  });
}

/** @param pending requests were sent that have no answer */
export function closedHere(address: string, pending: boolean): ConnectionFailure {
  return new ConnectionFailure('closed', withAddress(address, 'the connection was closed here'), {
    outcomeKnown: !pending,
  });
}

export function timedOut(
  address: string,
  what: string,
  timeoutMs: number,
  outcomeKnown: boolean,
): ConnectionFailure {
  return new ConnectionFailure('timeout', withAddress(address, `${what} within ${timeoutMs / 1000} s`), {
    outcomeKnown,
  });
}

/** @param reason that of the signal by which the caller gave a request up that was sent */
export function givenUp(address: string, reason: unknown): ConnectionFailure {
  return new ConnectionFailure(
    'aborted',
    withAddress(address, 'the call was given up before its answer came'),
    {
      cause: reason,
      outcomeKnown: false,
    },
  );
}

/** An answer that is none to what was asked: what became of that is not known. */
export function unreadable(what: string, cause?: unknown): ConnectionFailure {
  return new ConnectionFailure('protocol', `the server’s answer cannot be read: ${what}`, {
    ...(cause === undefined ? {} : { cause }),
    outcomeKnown: false,
  });
}

/** What a decoder makes of an answer; its complaints are about the server, not about what was asked. */
export function readable<From, To>(answer: From, decode: (answer: From) => To): To {
  try {
    return decode(answer);
  } catch (error) {
    if (error instanceof HoldfastError) throw unreadable(error.message, error);
    throw error;
  }
}
