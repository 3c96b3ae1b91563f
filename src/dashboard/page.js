import { Actions } from './actions.js'
import { Admin } from './admin.js'
import { Alerts } from './alerts.js'
import { CallTable } from './call-table.js'
import { Callers } from './callers.js'
import { Connection } from './connection.js'
import { Credential, headersWith } from './credential.js'
import { byId } from './dom.js'
import { Feed } from './feed.js'
import { ModelList } from './model-list.js'
import { Overview } from './overview.js'
import { Samples } from './samples.js'
import { SignIn } from './sign-in.js'
import { Turns } from './turns.js'

const credential = new Credential(() => {
  giveToken.hidden = true
  feed.headersChanged()
})
const signIn = new SignIn((key) => credential.keep(key))
const admin = new Admin(credential)
const actions = new Actions(admin)
const samples = new Samples()
const connection = new Connection()
const overview = new Overview()
const alerts = new Alerts()
const models = new ModelList(actions, samples)
const turns = new Turns()
const callers = new Callers()
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
      callers.stats(page)
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
    giveToken.hidden = code !== 'too_many_listeners'
    // A key that opens the page is right, also while there is no room for the page.
    if (live || code === 'too_many_listeners') signIn.hide()
  },
  onKeyNeeded(sentence, code) {
    // A key that may not view is a right one, and the sentence says what is missing.
    const isWrong = credential.value !== '' && code !== 'use_not_allowed'
    credential.drop()
    signIn.show(isWrong ? `The proxy does not accept this key. ${sentence}` : sentence)
  },
  headers: () => headersWith(credential.value),
})
giveToken.addEventListener('click', () => admin.askToConnect())
feed.open()
