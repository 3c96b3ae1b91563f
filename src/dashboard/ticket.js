import { CallFollower } from './call-follower.js'
import { Credential, headersWith } from './credential.js'
import { byId } from './dom.js'
import { SignIn } from './sign-in.js'
import { TicketView } from './ticket-view.js'

/** The last part of the page's own address, as it stands there. */
const id = location.pathname.split('/').at(-1)

const credential = new Credential(() => follower.start())
const signIn = new SignIn((key) => credential.keep(key))
const view = new TicketView(id)

const follower = new CallFollower({
  // Relative, so that it also works behind a proxy that serves us under a path of its own.
  url: `../requests/${id}`,
  headers: () => headersWith(credential.value),
  onCall(call) {
    signIn.hide()
    view.show(call)
  },
  onMissing(goesOn) {
    signIn.hide()
    view.missing(goesOn)
  },
  onLost: (sentence) => view.lost(sentence),
  onKeyNeeded(sentence) {
    const isWrong = credential.value !== ''
    credential.drop()
    view.closed()
    signIn.show(isWrong ? `The proxy does not accept this key. ${sentence}` : sentence)
  },
})
byId('look-again').addEventListener('click', () => {
  view.looking()
  follower.start()
})
follower.start()
