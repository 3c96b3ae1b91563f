/** What a platform does not let the proxy do as the others do. Each is asserted where it shows, so that one which closes fails. */
type GapName =
  /** Several requests on one connection before the first is answered. */
  | 'pipelining'
  /** A connection of HTTP/1.0 that lives on. */
  | 'http10KeepAlive'
  /** A refusal before the go-ahead that a client waits for with `Expect: 100-continue`. */
  | 'refusalBeforeContinue'
  /** The version of HTTP that a request came in. */
  | 'httpVersion'
  /** A request body in chunks with trailers behind it. */
  | 'requestTrailers'
  /** The spelling of header names, and repeated headers as lines of their own. */
  | 'headerLines'
  /** A limit on the time in which the head of a second request on a connection comes. */
  | 'secondHead'
  /** Room for new clients while others hold all connections with heads that do not come. */
  | 'halfHeads'
  /** 256 KiB of headers in one request. */
  | 'largeHeaders'
  /** The next call gets a freed slot a moment later. */
  | 'lateSlots'
  /** Thousands of header lines in one request. */
  | 'manyHeaders'
  /** A process of its own, whose memory can be watched from outside. */
  | 'ownProcess'
  /** Memory given back as soon as it is of no more use. */
  | 'promptCollection'
  /** A request that reaches Ollama without headers of the platform's. */
  | 'addedHeaders'
  /** An answer that Ollama gives before it has read the whole request. */
  | 'earlyAnswer'
  /** An answer that breaks off without the chunk that ends it. */
  | 'cutAnswers'
  /** Chunks of an answer as Ollama sends them. */
  | 'chunkBoundaries'
  /** Notice of a client that just closes its connection while nothing is written to it. */
  | 'silentFin'
  /** The go-ahead to a client that sends `Expect: 100-continue`. */
  | 'goAhead'
  /** A connection that is closed as soon as its last answer is over. */
  | 'promptClose'
  /** A connection that is kept while nothing is asked on it. */
  | 'idleConnections'
  /** The port that a client connected to. */
  | 'ownPort'
  /** HTTP that is broken, or addressed as to a forward proxy, taken as Node takes it. */
  | 'ownParser'
  /** Lanes and calls in one process, which can then be shown together and ended by hand. */
  | 'monitor'
  /** The request target as the client wrote it. */
  | 'rawTarget'
  /** One memory of the signatures that were used. */
  | 'sharedSignatures'
  /** Calls that take the place of older ones with the same queue key. */
  | 'queueKeys'
  /** Why a connection to Ollama could not be made. */
  | 'upstreamCauses'
  /** A start that tells of itself, and an end by signals. */
  | 'lifecycle'

interface Gap {
  readonly reason: string
  /** Where the platform's makers speak of it. */
  readonly link?: string
  /** Title of the test that shows it. */
  readonly provenBy: string
}

export type Gaps = Readonly<Partial<Record<GapName, Gap>>>
