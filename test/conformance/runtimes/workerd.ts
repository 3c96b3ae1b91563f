import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Target } from '../pair.ts'
import { conformance } from '../suite.ts'
import { failures } from './failures.cases.ts'
import { isolates } from './isolates.cases.ts'
import { bundle } from './miniflare.ts'
import { sharedCallers } from './shared-callers.cases.ts'

const folder = mkdtempSync(join(tmpdir(), 'guard-worker-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const worker = join(folder, 'worker.json')
writeFileSync(worker, JSON.stringify(await bundle()))

const workerd: Target = {
  name: 'workerd',
  command: [
    process.execPath,
    '--import',
    'tsx',
    join(import.meta.dirname, 'workerd-proxy.ts'),
    `--bundle=${worker}`,
  ],
  gaps: {
    silentFin: {
      reason:
        'workerd sees that a client closed its connection only when it writes to it; a reset it sees at once',
      provenBy: 'by fin while it waits gives its place up and never reaches Ollama',
    },
    addedHeaders: {
      reason: 'Cloudflare adds headers of its own (CF-Worker and others) to every request of a Worker',
      provenBy: 'is the request as it was sent, without what concerns the connection alone',
    },
    earlyAnswer: {
      reason: 'the fetch of workerd fails when Ollama answers and closes while the body is still being sent',
      provenBy: 'of a blob that is there already is answered with 64 MiB still to send, sized',
    },
    cutAnswers: {
      reason: 'the server of local workerd writes the last chunk even of an answer whose stream broke',
      provenBy:
        'in gzip of application/x-ndjson whose connection Ollama resets is cut, and its reader hears of it',
    },
    chunkBoundaries: {
      reason: 'workerd hands the bytes of an answer on as its own buffers divide them',
      provenBy: 'comes byte for byte and line by line, a chunk for each',
    },
    headerLines: {
      reason: 'a Headers object joins repeated headers and spells their names its own way',
      provenBy: 'passes HEAD / as it is',
    },
    lateSlots: {
      reason:
        'a freed slot reaches the next call through the object, and Ollama may have unloaded the model by then',
      provenBy: 'do not load it again and again when they end together',
    },
    largeHeaders: {
      reason:
        'the server of local workerd answers 250 000 bytes of headers with 431; on Cloudflare the edge has its own limit',
      provenBy: 'takes 250000 bytes of headers both ways',
    },
    http10KeepAlive: {
      reason:
        'the server of local workerd says nothing of keep-alive; on Cloudflare the edge speaks to the clients',
      provenBy: 'keeps the connection of an HTTP/1.0 client that asks for it',
    },
    httpVersion: {
      reason: 'a Request does not tell the version of HTTP; on Cloudflare nobody is local',
      provenBy: 'is nobody who speaks HTTP/1.0',
    },
    ownPort: {
      reason: 'a Worker does not know where it listens; on Cloudflare nobody is local',
      provenBy: 'is nobody who names another port as Host',
    },
    goAhead: {
      reason: 'the server of local workerd never asks for a body; on Cloudflare the edge does',
      provenBy: 'asks for the body of a client that waits for 100-continue',
    },
    ownProcess: {
      reason: 'it is miniflare that is started here, and workerd a child of its own',
      provenBy: 'of a multitude of made-up models leaves no name and no memory behind',
    },
    promptClose: {
      reason:
        'the server of local workerd closes a connection only after 5 idle seconds; on Cloudflare the edge does it',
      provenBy: 'closes the connection of an HTTP/1.1 client that asks for it',
    },
    idleConnections: {
      reason:
        'the server of local workerd closes a connection after 5 idle seconds; on Cloudflare the edge keeps them',
      provenBy: 'is that of 20 s over an idle connection between two requests',
    },
    ownParser: {
      reason: 'the server of local workerd has its own answers to broken HTTP; on Cloudflare the edge has',
      provenBy: 'is not got round by POST http://localhost/api/chat',
    },
    monitor: {
      reason: 'the calls are in isolates that know nothing of each other; the gate knows only of slots',
      provenBy: 'is not there',
    },
    sharedSignatures: {
      reason:
        'each isolate remembers the signatures that it has seen: the object does not hear of requests without a slot',
      provenBy: 'cannot use a signature of somebody else again',
    },
    queueKeys: {
      reason: 'the calls are in isolates that know nothing of each other; the gate knows only of slots',
      provenBy: 'ends nothing where isolates know nothing of the calls of others',
    },
    upstreamCauses: {
      reason: 'the fetch of workerd does not tell why a connection could not be made',
      provenBy: 'because nothing listens there',
    },
    lifecycle: {
      reason: 'a Worker has no start and no signals: the platform starts and stops isolates as it likes',
      provenBy: 'a shutdown is the platform’s doing, and cuts what runs',
    },
  },
}

isolates()
failures()
sharedCallers(workerd)
conformance(workerd)
