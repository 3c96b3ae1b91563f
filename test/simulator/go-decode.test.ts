import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeFirst } from '../../src/simulator/go-decode.ts'
import { GoStruct } from '../../src/simulator/go-struct.ts'

function errorOf(text: string): string {
  try {
    decodeFirst(Buffer.from(text))
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return 'no error'
}

function fields(text: string): GoStruct {
  return new GoStruct('api.GenerateRequest', decodeFirst(Buffer.from(text)))
}

describe('decodeFirst', () => {
  const mistakes: [string, string][] = [
    ['', 'EOF'],
    [' \n', 'EOF'],
    ['x', "invalid character 'x' looking for beginning of value"],
    ['{', 'unexpected EOF'],
    ['{"a":1', 'unexpected EOF'],
    ['{"a"', 'unexpected EOF'],
    ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b"', "invalid character '\"' after object key:value pair"],
    ['[1 2]', "invalid character '2' after array element"],
    ['"a\nb"', "invalid character '\\n' in string literal"],
    ['"\\x"', "invalid character 'x' in string escape code"],
    ['"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"],
    ['tru3', "invalid character '3' in literal true (expecting 'e')"],
    ['-x', "invalid character 'x' in numeric literal"],
    ['1.x', "invalid character 'x' after decimal point in numeric literal"],
    ['1ex', "invalid character 'x' in exponent of numeric literal"],
    ["'a'", "invalid character '\\'' looking for beginning of value"],
    ['(\u00b5/\u00fd', "invalid character '(' looking for beginning of value"],
  ]
  for (const [text, message] of mistakes) {
    it(`says ${message} about ${JSON.stringify(text)}`, () => assert.equal(errorOf(text), message))
  }

  it('reads every kind of value', () => {
    assert.deepEqual(decodeFirst(Buffer.from(' [null,true,false,-0.5e+2,0,"é\\u00e9\\n\\"😀",[],[1]] ')), [
      null,
      true,
      false,
      -50,
      0,
      'éé\n"😀',
      [],
      [1],
    ])
  })

  it('ignores bytes after the first value', () => {
    assert.equal(fields('{"model":"a"} trailing').text('model'), 'a')
  })
})

describe('GoStruct', () => {
  it('matches keys without case, and the last one in the text wins', () => {
    assert.equal(fields('{"Model":"a","model":"b","MODEL":"c"}').text('model'), 'c')
  })

  it('takes null for absent', () => {
    assert.equal(fields('{"stream":null}').flag('stream'), undefined)
    assert.equal(fields('{"model":null}').text('model'), '')
  })

  it('names struct, field and type when a type is wrong', () => {
    assert.throws(() => fields('{"stream":"yes"}').flag('stream'), {
      message: 'json: cannot unmarshal string into Go struct field GenerateRequest.stream of type bool',
    })
    assert.throws(() => fields('{"model":{}}').text('model'), {
      message: 'json: cannot unmarshal object into Go struct field GenerateRequest.model of type string',
    })
    assert.throws(() => fields('[1]'), {
      message: 'json: cannot unmarshal array into Go value of type api.GenerateRequest',
    })
  })
})
