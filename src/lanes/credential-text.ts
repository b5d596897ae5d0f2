/**
 * User names and passwords as text, though a client may send any bytes: the servers compare them byte for byte.
 *
 *   valid UTF-8     the text that it is, which is what connection strings and files are compared with
 *   other bytes     ASCII as it is, and each byte from 0x80 on as a lone surrogate: 0xE4 is U+DCE4. No valid text looks so.
 */
const ESCAPED = /^[\0-\x7f\udc80-\udcff]*$/;
const BESIDE_ASCII = /[\x80-\xff]/g;

export function credentialText(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (Buffer.from(text).equals(bytes)) return text;
  return bytes.toString('latin1').replace(BESIDE_ASCII, (byte) => String.fromCharCode(0xdc00 + byte.charCodeAt(0)));
}

/** The bytes that it was made of. */
export function credentialBytes(text: string): Buffer {
  // latin1 takes the lower byte of each code unit
  return Buffer.from(text, ESCAPED.test(text) ? 'latin1' : 'utf8');
}

/** AUTH, with the bytes that the client sent. */
export function authCommand(username: string | null, password: string): (string | Buffer)[] {
  const bytes = credentialBytes(password);
  return username === null ? ['AUTH', bytes] : ['AUTH', credentialBytes(username), bytes];
}
