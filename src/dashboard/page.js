import { Actions } from './actions.js'
import { Admin } from './admin.js'
import { Alerts } from './alerts.js'
import { CallTable } from './call-table.js'
import { Connection } from './connection.js'
import { byId } from './dom.js'
import { Feed } from './feed.js'
import { ModelList } from './model-list.js'
import { Overview } from './overview.js'
import { Samples } from './samples.js'
import { Turns } from './turns.js'

const admin = new Admin(() => {
  giveToken.hidden = true
  feed.headersChanged()
})
const actions = new Actions(admin)
const samples = new Samples()
const connection = new Connection()
const overview = new Overview()
const alerts = new Alerts()
const models = new ModelList(actions, samples)
const turns = new Turns()
const calls = new CallTable(actions)

for (const [action, done] of Object.entries({ pause: 'paused', resume: 'resumed' })) {
  const button = byId(`${action}-all`)
  button.addEventListener('click', () => {
    actions.run(
      button,
      `admin/queue/${action}`,
      {},
      (answer) => `All models are ${done} (${answer.models.length} known).`,
    )
  })
}

const giveToken = byId('give-token')
const feed = new Feed({
  url: 'queue/events',
  handlers: {
    history(page) {
      samples.replace(page)
      models.plot()
      turns.history(page)
    },
    sample(sample) {
      samples.add(sample)
      models.plot()
      turns.sample(sample)
    },
    stats(page) {
      models.stats(page)
      overview.stats(page)
      turns.stats(page)
    },
    turns: (page) => turns.changed(page),
    requests: (page) => calls.show(page),
    alerts: (page) => alerts.show(page),
    health(page) {
      connection.health(page)
      overview.health(page)
      turns.health(page)
    },
  },
  onConnection(live, code) {
    connection.changed(live, code)
    giveToken.hidden = code !== 'too_many_listeners' || admin.hasToken
  },
  headers: () => admin.headers,
})
giveToken.addEventListener('click', () => admin.askToConnect())
feed.open()
