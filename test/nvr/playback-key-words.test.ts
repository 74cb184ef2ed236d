// What stands around a key or in its place, word by word.

import assert from 'node:assert/strict';
import { readPlaybackKey } from '../../lib/nvr/playback/playback-key.js';

/** The key, or the code that reading it fails with. */
function read(body: string, contentType = 'text/plain'): string {
  try {
    return readPlaybackKey(Buffer.from(body), contentType, '');
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('a playback key among words', () => {
  it('has the name of the outer member where it is only that one’s text, at any depth', () => {
    for (const text of ['#text', '#cdata', '$t', '_'])
      assert.equal(read(JSON.stringify({ pbkey: { [text]: { [text]: 'aB3' } } })), 'aB3', text);
  });

  it('stands in a page that begins with any of its tags, as what the page shows', () => {
    for (const tag of ['html', 'body', 'div', 'pre'])
      assert.equal(read(`<${tag}>pbkey=a&amp;B3</${tag}>`), 'a&B3', tag);
    for (const tag of ['form', 'input', 'script', 'meta ', 'title'])
      assert.equal(read(`<${tag}>pbkey=aB3</${tag}>`), 'EPLAYBACKKEY', tag);
  });

  it('is decoded where its reply is a form, and only there', () => {
    const form = 'application/X-www-form-urlencoded; charset=utf-8';
    assert.equal(read('error=0&pbkey=a%2BB3', form), 'a+B3');
    assert.equal(read('error=0&pbkey=a%zzB3', form), 'a%zzB3');
    assert.equal(read('error=0&pbkey=a%2BB3'), 'a%2BB3');
    assert.equal(read('error=user+not+logged+in&x=1', form), 'EAUTH');
  });

  it('is none beside a status that refuses, of whatever name', () => {
    for (const name of ['result', 'resultCode', 'ret', 'retcode', 'returnCode', 'rc', 'code', 'status'])
      for (const value of ['400', '503', '-1', 'failed'])
        assert.equal(
          read(JSON.stringify({ [name]: value, pbkey: 'aB3' })),
          'EPLAYBACKKEY',
          `${name} ${value}`,
        );
    for (const name of ['statusCode', 'state']) {
      assert.equal(read(JSON.stringify({ [name]: 'failed', pbkey: 'aB3' })), 'EPLAYBACKKEY', name);
      assert.equal(read(JSON.stringify({ [name]: '1', pbkey: 'aB3' })), 'aB3', name);
    }
  });

  it('is refused for the reason that stands in another member of an error', () => {
    assert.equal(read('{"errcode":1,"error":"not logged in"}'), 'EAUTH');
    assert.equal(read('{"errcode":1,"message":"no recording found"}'), 'ENORECORDING');
    assert.equal(read('{"errcode":1,"comment":"not logged in"}'), 'EPLAYBACKKEY');
  });

  it('is none that is the name of a page, by a vague name', () => {
    for (const end of ['htm', 'html', 'asp', 'php', 'cgi', 'jsp'])
      assert.equal(read(`{"data":"view9.${end}"}`), 'EPLAYBACKKEY', end);
    assert.equal(read('{"data":"view9.bin"}'), 'view9.bin');
  });

  it('has no control character in it, the last one neither', () => {
    for (const control of ['\u0001', '\u001f', '\u007f'])
      assert.equal(read(`pbkey=aB3${control}x`), 'EPLAYBACKKEY', JSON.stringify(control));
  });

  it('is refused as of the account where the words speak of a recording, too', () => {
    assert.equal(read('Error: no login for this record'), 'EAUTH');
    assert.equal(read('Error: no privilege to login'), 'EFORBIDDEN');
    assert.equal(read('Error: no record of this device'), 'ENORECORDING');
    for (const space of [' ', '\t', ': ']) assert.equal(read(`unauthorized${space}X9yZ7q`), 'EAUTH');
  });

  it('is refused in another language with up to twelve digits behind it', () => {
    assert.equal(read('Nicht angemeldet 123456789012'), 'EAUTH');
    assert.equal(read('Nicht angemeldet 1234567890123'), 'EPLAYBACKKEY');
  });
});
