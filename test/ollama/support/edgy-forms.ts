import fc from 'fast-check'

/** A request for a transcription, each byte a Latin-1 letter. */
export interface FormRequest {
  readonly contentType: string
  readonly body: string
}

/** Mostly the usual value, so that a form of many parts often has only one odd part. */
function mostly<T>(usual: T, ...odd: T[]): fc.Arbitrary<T> {
  return fc.oneof(
    { weight: 40, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...odd) },
  )
}

const contentType = mostly(
  'multipart/form-data; boundary=b',
  'Multipart/Form-Data;boundary="b"',
  'multipart/form-data ; charset=utf-8; BOUNDARY=b',
  'multipart/form-data; boundary=bb',
  'multipart/form-data; boundary="b b"',
  'multipart/form-data; boundary="b "',
  'multipart/form-data; boundary="b\\b"',
  'multipart/form-data; boundary="\\"b"',
  'multipart/form-data; boundary=b;',
  'multipart/form-data; boundary = b',
  'multipart/form-data; boundary=b; boundary=b',
  'multipart/form-data; boundary=c; boundary=b',
  "multipart/form-data; boundary*=utf-8''b",
  'multipart/form-data; boundary*0=b',
  "multipart/form-data; boundary=c; boundary*=utf-8''b",
  'multipart/form-data; boundary=""',
  'multipart/form-data',
  'mult\xc4\xb0part/form-data; boundary=b',
  'multipart/form-data\xc2\xa0; boundary=b',
  'multipart/mixed; boundary=b',
  'application/json; boundary=b',
  'multipart/form-data, multipart/form-data; boundary=b',
)

const oddParameters = fc.array(
  fc.tuple(
    mostly('; ', ';', ' ; ', ';;', ',', ';\xe3\x80\x80', '\r\n ;'),
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('name="model"', 'name="file"', 'filename="a.wav"') },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          'name=model',
          'NAME="model"',
          'name = "model"',
          'name="mod\\el"',
          'name="\\"model"',
          'name="model\\"',
          'name="model\\\\"',
          'name="model',
          "name*=utf-8''model",
          "name*=utf-8''mod%65l",
          'name*0=mo',
          'name*1=del',
          "name*0*=utf-8''mo",
          'name*1*=d%65l',
          'name=""',
          'name=',
          'name',
          'filename=""',
          'filename=x',
          "filename*=utf-8''%E4.wav",
          "filename*=utf-8''",
          'filename*0=a',
          'x="; name=model"',
          'x={}',
          'x="\xe4\xf6"',
        ),
      },
    ),
  ),
  { minLength: 1, maxLength: 3 },
)

const disposition = fc
  .tuple(
    mostly(
      'Content-Disposition',
      'content-disposition',
      'CONTENT-DISPOSITION',
      'Content-Disposition ',
      'X-Content-Disposition',
    ),
    mostly(': ', ':', ':  \t', ':\xc2\xa0', ' : ', ':\r\n ', ':\xef\xbb\xbf'),
    mostly('form-data', 'Form-Data', 'form-data ', 'attachment', 'form-data\xc2\xa0', 'form-data/x'),
    fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom([['; name="model"']], [['; name="file"; filename="a.wav"']]) },
      { weight: 1, arbitrary: oddParameters },
    ),
    mostly('', ';', ' ', '\t', '; ', '\xc2\xa0', '\xef\xbb\xbf'),
  )
  .map(
    ([name, colon, value, parameters, end]) => `${name}${colon}${value}${parameters.flat().join('')}${end}`,
  )

const otherHeader = fc.constantFrom(
  'Content-Type: audio/wav',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Length: 7',
  'Content-Transfer-Encoding: binary',
  'Content-Transfer-Encoding: quoted-printable',
  'Content-Transfer-Encoding:\tQuoted-Printable',
  'X: a\tb \xff',
  'X: a\x01b',
  'X:',
  ' folded',
  'no colon',
  ': no name',
  'a b: c',
  '',
)

const head = fc
  .tuple(
    fc.array(otherHeader, { maxLength: 1 }),
    disposition,
    fc.oneof(
      { weight: 4, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(otherHeader, { maxLength: 2 }) },
    ),
    fc.oneof({ weight: 30, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.tuple(disposition) }),
    mostly('\r\n', '\n', '\r'),
  )
  .map(([before, field, after, again, lineEnd]) => [...before, field, ...after, ...again].join(lineEnd))

const content = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('whisper', 'llama', '') },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          '--b',
          '\r\n--b',
          '\r\n--b\r\n',
          '\r\n--bb',
          '\r\n--b-',
          '\r\n--b--',
          '\n--b\n',
          '\r--b\r\n',
          '\r\n',
          '\r',
          '\n',
          '\r\n-',
          ' ',
          '\xef\xbb\xbf',
          '=41',
          '\xe4',
        ),
      },
    ),
    { maxLength: 4 },
  )
  .map((pieces) => pieces.join(''))

const part = fc
  .tuple(
    mostly('--b', '--b ', '--b\t', '--bb', ' --b', '--B'),
    mostly('\r\n', '\n', ' \r\n'),
    head,
    mostly('\r\n\r\n', '\n\n', '\r\n\n', '\r\n \r\n', '\r\n'),
    content,
    mostly('\r\n', '\n', '', '\r'),
  )
  .map((pieces) => pieces.join(''))

/** Forms at the edges of the grammar: plain forms, plain forms with one change, and forms with many changes. */
export const edgyForms: fc.Arbitrary<FormRequest> = fc
  .tuple(
    contentType,
    mostly('', '\r\n', '\n', 'preamble\r\n', '--c\r\n', ' '),
    fc.array(part, { minLength: 1, maxLength: 3 }),
    mostly('--b--\r\n', '--b--', '--b-- \r\n', '--b--\n', '--b--x', '--b', '--b\r\n', ''),
    mostly('', '\r\n', 'epilogue', '--b\r\n'),
  )
  .map(([type, before, parts, end, after]) => ({
    contentType: type,
    body: `${before}${parts.join('')}${end}${after}`,
  }))
