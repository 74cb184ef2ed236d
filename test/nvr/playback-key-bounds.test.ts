// What is found in a reply of the key service at the bounds of its forms, and what is not taken for a key.

import assert from 'node:assert/strict';
import { readPlaybackKey } from '../../lib/nvr/playback/playback-key.js';

const read = (body: string | Buffer, pattern = ''): string =>
  readPlaybackKey(Buffer.from(body), 'text/plain', pattern);

/** The code that reading it fails with. */
function refused(body: string | Buffer, pattern = ''): string {
  try {
    return `the key ${read(body, pattern)}`;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('a playback key, at the bounds of its reply', () => {
  it('has 1024 characters at most', () => {
    const key = `aB3${'x'.repeat(1021)}`;
    assert.equal(read(key), key);
    assert.equal(refused(`${key}x`), 'EPLAYBACKKEY');
  });

  it('is looked for among a thousand members of JSON, and a thousand pairs of text', () => {
    const json = (before: number): string =>
      JSON.stringify({
        ...Object.fromEntries(Array.from({ length: before }, (_, index) => [`m${index}`, 1])),
        pbkey: 'aB3',
      });
    assert.equal(read(json(999)), 'aB3');
    assert.equal(refused(json(1_000)), 'EPLAYBACKKEY');
    const text = (before: number): string => `${'a=1\n'.repeat(before)}pbkey=aB3`;
    assert.equal(read(text(999)), 'aB3');
    assert.equal(refused(text(1_000)), 'EPLAYBACKKEY');
  });

  it('is looked for in a callback whose name has less than 64 characters', () => {
    const callback = (length: number): string => `${'f'.repeat(length)}({"pbkey":"aB3"})`;
    assert.equal(read(callback(63)), 'aB3');
    assert.equal(refused(callback(64)), 'EPLAYBACKKEY');
  });

  it('is none of three characters by a vague name', () => {
    assert.equal(read('{"result":"aB3x"}'), 'aB3x');
    assert.equal(refused('{"result":"aB3"}'), 'EPLAYBACKKEY');
  });

  it('lies between both ends of the pattern, of which the second comes behind the first', () => {
    assert.equal(read('];key=[aB3xyz]', 'key=[*]'), 'aB3xyz');
    assert.equal(refused('the <k>aB3xyz', '<k>*</k>'), 'EPLAYBACKKEY');
    assert.equal(refused('the aB3xyz</k>', '<k>*</k>'), 'EPLAYBACKKEY');
  });

  it('that is empty hides no refusal beside it', () => {
    assert.equal(refused('pbkey: \nNOT_LOGIN'), 'EAUTH');
  });

  it('is no refusal of another language with a number behind it', () => {
    assert.equal(refused('Nicht angemeldet: 401'), 'EAUTH');
    assert.equal(refused('登录失败: 12'), 'EAUTH');
  });

  it('keeps an escape of XML that stands for no character', () => {
    assert.equal(read('<pbkey>a&#0;B3</pbkey>'), 'a&#0;B3');
    assert.equal(read('<pbkey>a&#x110000;B3</pbkey>'), 'a&#x110000;B3');
    assert.equal(read('<pbkey>a&#43;B3</pbkey>'), 'a+B3');
  });

  it('is read from UTF-16 whose last character is cut in half', () => {
    const little = Buffer.from('pbkey=aB3', 'utf16le');
    for (const whole of [little, Buffer.from(little).swap16()])
      assert.equal(read(Buffer.concat([whole, Buffer.from([0x0a])])), 'aB3');
  });
});
