import { ItemType, SecretBytes } from '@holdfast/ttlv';
import { byteString, textString, type Codec } from './schema';

/** Key material and other secret bytes. Decoding takes the bytes of the message over without a copy. */
export const secretByteString: Codec<SecretBytes> = {
  type: ItemType.ByteString,
  decode: (item, dialect) => new SecretBytes(byteString.decode(item, dialect)),
  encode: (tag, value) => ({ tag, type: ItemType.ByteString, value: value.reveal() }),
};

/** A password: a Text String on the wire, held as its UTF-8 bytes. */
export const secretTextString: Codec<SecretBytes> = {
  type: ItemType.TextString,
  decode: (item, dialect) => new SecretBytes(Buffer.from(textString.decode(item, dialect), 'utf8')),
  encode: (tag, value) => ({ tag, type: ItemType.TextString, value: value.reveal().toString('utf8') }),
};
