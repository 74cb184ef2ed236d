import assert from 'node:assert/strict';
import { NvrError } from '../../lib/errors.js';
import { readPlaybackKey } from '../../lib/nvr/playback-key.js';

const read = (body: string, contentType = 'text/plain'): string =>
  readPlaybackKey(Buffer.from(body), contentType);

describe('readPlaybackKey', () => {
  for (const [form, body, key] of [
    ['the whole body', 'aB3+/=&', 'aB3+/=&'],
    ['the whole body with white space around it', '\r\n aB3 \r\n', 'aB3'],
    ['a pbkey= line', 'result: 0\r\npbkey=aB3\r\n', 'aB3'],
    ['a key: line', 'key: aB3', 'aB3'],
    ['a JSON member', '{"result":0,"pbkey":"aB3"}', 'aB3'],
    ['a JSON member of another name, deeper', '{"data":{"key":42}}', '42'],
    ['a JSON member beside an error of 0', '{"error":0,"key":"aB3"}', 'aB3'],
    ['an XML element', '<?xml version="1.0"?><r><pbkey>a&amp;b</pbkey></r>', 'a&b'],
    ['an XML element in any case, as CDATA', '<R><KEY><![CDATA[aB3]]></KEY></R>', 'aB3'],
    ['a key that begins as an error word does', 'failsafe7', 'failsafe7'],
  ] as const) {
    it(`takes ${form}`, () => {
      assert.equal(read(body), key);
    });
  }

  for (const [what, body, said] of [
    ['nothing', '', /empty/],
    ['white space', ' \r\n', /empty/],
    [
      'an HTML page, with its title',
      '<!DOCTYPE html><html><title>Log in</title>',
      /HTML page \(text\/plain, \d+ bytes: "Log in"\)/,
    ],
    ['an error word', 'ERROR', /refused.*"ERROR"/],
    ['an error word with its reason', 'FAIL: no such group', /"FAIL"/],
    ['a JSON error', '{"error":"denied by policy 7","key":"aB3"}', /"denied"/],
    ['JSON without a key', '{"result":1}', /without a key/],
    ['JSON that is cut short', '{"pbkey":"aB', /cannot be read/],
    ['XML without a key', '<reply><error>no licence</error></reply>', /without a key.*"no licence"/],
    ['a sentence', 'please try later', /no key/],
    ['an empty key', 'pbkey=', /empty key/],
    ['a key beyond reason', 'x'.repeat(2000), /1024/],
  ] as const) {
    it(`refuses ${what}, and quotes no more than it may`, () => {
      assert.throws(
        () => read(body),
        (error) => {
          assert.ok(error instanceof NvrError);
          assert.equal(error.code, 'EPLAYBACKKEY');
          assert.match(error.message, said);
          assert.ok(error.message.length < 250 && !error.message.includes('aB'));
          return true;
        },
      );
    });
  }
});
