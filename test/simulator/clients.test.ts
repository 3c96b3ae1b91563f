import assert from 'node:assert/strict'
import { it } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import { Ollama } from 'ollama'
import OpenAI from 'openai'
import { aSimulator, saysHi } from './support.ts'

const messages = [{ role: 'user' as const, content: 'Say hi' }]

it('ollama-js chats, streams, embeds and lists', async (t) => {
  const { url } = await aSimulator(t, { script: saysHi })
  const ollama = new Ollama({ host: url })
  assert.equal((await ollama.chat({ model: 'llama3.2', messages })).message.content, 'Hi!')
  let text = ''
  for await (const part of await ollama.generate({ model: 'llama3.2', prompt: 'Say hi', stream: true }))
    text += part.response
  assert.equal(text, 'Hi!')
  assert.equal((await ollama.embed({ model: 'all-minilm', input: ['a', 'b'] })).embeddings.length, 2)
  assert.equal((await ollama.list()).models.length, 5)
  await assert.rejects(ollama.chat({ model: 'nope', messages }), /model 'nope' not found/)
})

it('openai chats, streams, answers responses and embeds', async (t) => {
  const { url } = await aSimulator(t, { script: saysHi })
  const openai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 })
  const whole = await openai.chat.completions.create({ model: 'llama3.2', messages })
  assert.equal(whole.choices[0]?.message.content, 'Hi!')
  let text = ''
  for await (const chunk of await openai.chat.completions.create({
    model: 'llama3.2',
    messages,
    stream: true,
  })) {
    text += chunk.choices[0]?.delta.content ?? ''
  }
  assert.equal(text, 'Hi!')
  assert.equal((await openai.responses.create({ model: 'llama3.2', input: 'Say hi' })).output_text, 'Hi!')
  const types: string[] = []
  for await (const event of await openai.responses.create({ model: 'llama3.2', input: 'x', stream: true }))
    types.push(event.type)
  assert.equal(types.at(-1), 'response.completed')
  const embedded = await openai.embeddings.create({ model: 'all-minilm', input: 'a' })
  assert.equal(embedded.data[0]?.embedding.length, 384)
  await assert.rejects(openai.chat.completions.create({ model: 'nope', messages }), { status: 404 })
})

it('the Anthropic client writes messages, whole and streamed', async (t) => {
  const { url } = await aSimulator(t, { script: saysHi })
  const anthropic = new Anthropic({ baseURL: url, apiKey: 'none', maxRetries: 0 })
  const whole = await anthropic.messages.create({ model: 'llama3.2', max_tokens: 64, messages })
  assert.deepEqual(whole.content, [{ type: 'text', text: 'Hi!' }])
  const final = await anthropic.messages
    .stream({ model: 'llama3.2', max_tokens: 64, messages })
    .finalMessage()
  assert.equal(final.usage.output_tokens, 3)
  assert.equal(final.stop_reason, 'end_turn')
})
