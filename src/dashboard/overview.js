import { setAttribute, setText } from './dom.js'
import { count, counted, dateAndTime, duration, percent, UNKNOWN } from './figures.js'

/** The row of tiles: the proxy, the Ollama behind it, the calls and the memory. */
export class Overview {
  #cells = new Map(
    Array.from(document.querySelectorAll('[data-figure]'), (cell) => [cell.dataset.figure, cell]),
  )

  health({ status, timestamp, version, runtime, uptime_seconds, upstream, concurrency }) {
    this.#set('status', status, status === 'healthy' ? 'good' : 'bad')
    // Not a duration: the proxy sends its health only when something changes, so a duration would be out of date.
    const since = new Date(Date.parse(timestamp) - uptime_seconds * 1_000)
    this.#set('proxy', `${version} on ${runtime}, up since ${dateAndTime(since)}`)
    this.#set('reachable', upstream.reachable ? 'answers' : 'no answer', upstream.reachable ? 'good' : 'bad')
    const ollama = upstream.version === null ? 'version not known' : `version ${upstream.version}`
    const took = upstream.latency_ms === null ? '' : `, took ${duration(upstream.latency_ms)}`
    const { error = null } = upstream
    this.#set(
      'upstream',
      error === null ? ollama + took : `${error.message} (${error.code}); ${error.advice}`,
    )
    this.#memory(concurrency.memory)
  }

  stats({ total_models, default_parallel, default_queue_limit, models }) {
    let running = 0
    let waiting = 0
    for (const { active_requests, queued_requests } of Object.values(models)) {
      running += active_requests
      waiting += queued_requests
    }
    this.#set('calls', `${count(running)} running, ${count(waiting)} waiting`)
    const defaults = `default ${counted(default_parallel, 'slot')}, line of ${count(default_queue_limit)}`
    this.#set('models', `${counted(total_models, 'model')}; ${defaults}`)
  }

  #memory({ percent: used, used_gb, total_gb, recommended_parallel }) {
    this.#set('memory', percent(used))
    const gigabytes = used_gb === null ? UNKNOWN : `${used_gb} of ${total_gb} GB used`
    this.#set('memory-note', `${gigabytes}; ${counted(recommended_parallel, 'slot')} recommended`)
  }

  #set(name, text, mood = '') {
    const cell = this.#cells.get(name)
    setText(cell, text)
    setAttribute(cell, 'data-mood', mood)
  }
}
