import { processCrypto } from '../../../src/runtimes/process/crypto.ts'
import { cryptoCases } from '../crypto-cases.ts'

cryptoCases('the cryptography of Node and Bun', processCrypto)
