interface Answer {
  readonly status: number
  readonly body: string
}

/** Calls of ten seconds that leave when the test is over. */
export class Callers {
  readonly #leaving = new AbortController()
  readonly #url: string
  readonly #calls: Promise<unknown>[] = []

  constructor(url: string) {
    this.#url = url
  }

  call(id: string, model = 'llama3.2'): Promise<Answer> {
    const body = JSON.stringify({ model, prompt: 'x', options: { num_predict: 200 } })
    const headers = { 'x-request-id': id }
    const answer = fetch(`${this.#url}/api/generate`, {
      method: 'POST',
      body,
      headers,
      signal: this.#leaving.signal,
    }).then(async (response) => ({ status: response.status, body: await response.text() }))
    this.#calls.push(answer.catch(() => {}))
    return answer
  }

  /** Starts `count` calls and does not wait for them. */
  crowd(count: number, name: string, model = 'llama3.2'): void {
    for (let index = 0; index < count; index++) this.call(`${name}-${index}`, model).catch(() => {})
  }

  async leave(): Promise<void> {
    this.#leaving.abort()
    await Promise.all(this.#calls)
  }
}
