import { wrongUse } from './exit';
import { utf8Text } from './utf8';

/**
 * The password that a file or standard input holds: one line of text, as KMIP sends it.
 * @param content with or without the line end that editors leave
 * @throws CommandFailure wrong use
 */
export function passwordIn(content: Buffer): string {
  const password = utf8Text(content, 'the password').replace(/\r?\n$/, '');
  if (/\p{Cc}/u.test(password)) {
    throw wrongUse('the password is more than one line, or has control characters');
  }
  return password;
}
