import { webCrypto } from '../../../src/runtimes/fetch/crypto.ts'
import { cryptoCases } from '../crypto-cases.ts'

cryptoCases('the cryptography of the Web', webCrypto)
