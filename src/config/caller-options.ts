import { keyMap } from './key-map.ts'
import { option, unsetOption } from './option.ts'
import { boolean, networks, oneOf, text } from './values.ts'

/** The options about callers: who they are, what they may do, and what is written down of them. */
export const callerOptions = {
  auth: unsetOption(oneOf(['off', 'observe', 'enforce']), {
    sentence:
      'Whether callers need a key. off: nobody does. enforce: everybody does. observe: everybody is served, and the figures show who would be refused. While it is unset: enforce with keys or a keys_file, off without.',
    env: 'AUTH',
    anyCase: true,
    example: 'enforce',
  }),
  keys: option(
    keyMap(),
    {},
    {
      sentence:
        'Who may call, by name. A caller is known by the hash of a secret, by an ssh-ed25519 key of the ollama command, or by addresses. models, may, class, max_class, parallel, queue, slot_seconds and tokens limit what the caller may do, weight is its share beside others, and notify gives its calls signs of life. "ollama-guard-proxy key add" makes a secret.',
      env: 'KEYS',
      json: true,
      secret: true,
      example: {
        alice: {
          hash: 'sha256:73300871f44c168e7c949de2c750e60c2c9bb8ff530017c5a267234e9cb4db8e',
          models: ['llama3.2', 'qwen3*'],
          parallel: 2,
        },
      },
    },
  ),
  keys_file: unsetOption(text('a file path'), {
    sentence:
      'File with more keys: the same map, without the word keys. The commands below "key" write this file. A change is in force at once.',
    env: 'KEYS_FILE',
    example: 'keys.yaml',
  }),
  manage: option(oneOf(['local', 'keys', 'open']), 'local', {
    sentence:
      'Who may change Ollama, as with pull, create and delete. local: clients on this machine that come through no other proxy, and keys that may manage. keys: only such keys. open: everybody who may call.',
    env: 'MANAGE',
    anyCase: true,
  }),
  trusted_proxies: option(networks('addresses or networks, like 10.0.0.7 or 10.0.0.0/8'), [], {
    sentence:
      'Addresses and networks of proxies in front, whose X-Forwarded-For tells the address of a client.',
    env: 'TRUSTED_PROXIES',
    list: true,
    example: ['10.0.0.0/8'],
  }),
  open_webui_jwt_secret: unsetOption(text('a text on one line', /^[^\r\n]*\S[^\r\n]*$/), {
    sentence:
      'The value of FORWARD_USER_INFO_HEADER_JWT_SECRET in Open WebUI. When it is set, only a signed X-OpenWebUI-User-Jwt tells the user behind a key with "users: open-webui".',
    env: 'OPEN_WEBUI_JWT_SECRET',
    envFile: 'OPEN_WEBUI_JWT_SECRET_FILE',
    secret: true,
    example: 'another-long-random-text',
  }),
  forward_identity: option(boolean(), false, {
    sentence: 'Whether Ollama gets the X-OpenWebUI-* headers of a call while auth is on.',
    env: 'FORWARD_IDENTITY',
  }),
  usage_dir: unsetOption(text('a path of a folder'), {
    sentence:
      'Folder with one file a day that tells who used how much. It is unset by default; with a budget in keys it is usage.',
    env: 'USAGE_DIR',
    example: 'usage',
  }),
}
