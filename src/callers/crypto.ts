/** The cryptography of a runtime. Node and Bun answer at once, workerd with promises. */
export interface Crypto {
  /** Of the text in UTF-8: 64 lower-case hexadecimal digits. */
  sha256(text: string): string | Promise<string>
  /** `publicKey`: 32 bytes, the same array at every call. `signature`: 64 bytes. */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean | Promise<boolean>
}
