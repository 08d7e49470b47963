import { wrongUse } from './exit';

/**
 * What a file or standard input says, without a byte order mark.
 * @param what it is, for messages
 * @throws CommandFailure wrong use
 */
export function utf8Text(content: Buffer, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    throw wrongUse(`${what} is not in UTF-8`);
  }
}
