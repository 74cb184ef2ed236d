// What is found in a reply of the key service at the bounds of its forms, and what is not taken for a key.

import assert from 'node:assert/strict';
import { textOf } from '../../lib/nvr/playback/key-text.js';
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

  it('is read as UTF-16 by the NULs of both of its first characters, and as what it is by one of them', () => {
    const little = Buffer.from('OK 4aB3xY', 'utf16le');
    const bodies = {
      little,
      big: Buffer.from(little).swap16(),
      bytes: Buffer.from('OK 4aB3xY'),
      'NULs behind two bytes': Buffer.from('OK\0\0 4aB3xY'),
      'a NUL behind two bytes': Buffer.from('OK\0 4aB3xY'),
      'a NUL behind one byte': Buffer.from('O\0K 4aB3xY'),
      'a NUL in front': Buffer.from('\0OK 4aB3xY'),
    };
    const texts = Object.entries(bodies).map(([name, body]) => [name, textOf(body)]);
    assert.deepEqual(Object.fromEntries(texts), {
      ...{ little: 'OK 4aB3xY', big: 'OK 4aB3xY', bytes: 'OK 4aB3xY' },
      'NULs behind two bytes': 'OK\0\0 4aB3xY',
      'a NUL behind two bytes': 'OK\0 4aB3xY',
      'a NUL behind one byte': 'O\0K 4aB3xY',
      'a NUL in front': 'OK 4aB3xY',
    });
    for (const mark of [
      [0xff, 0xff],
      [0xfe, 0xfe],
    ]) {
      const text = textOf(Buffer.concat([Buffer.from(mark), Buffer.from('OK')]));
      assert.ok(text.endsWith('OK'), 'half a mark is none');
    }
  });

  it('is read from UTF-16 whose last character is cut in half', () => {
    const little = Buffer.from('pbkey=aB3', 'utf16le');
    for (const whole of [little, Buffer.from(little).swap16()])
      assert.equal(read(Buffer.concat([whole, Buffer.from([0x0a])])), 'aB3');
  });

  it('is looked for among a thousand pairs of one line', () => {
    const line = (before: number): string => `${'a=1;'.repeat(before)}pbkey=aB3`;
    assert.equal(read(line(999)), 'aB3');
    assert.equal(refused(line(1_000)), 'EPLAYBACKKEY');
  });

  it('ends with the first quote behind the one that it begins with', () => {
    assert.equal(read('var pbkey = "aB3"; // the "key"'), 'aB3');
    assert.equal(read("pbkey: 'aB3', 'group'"), 'aB3');
    assert.equal(read('pbkey="aB3'), '"aB3', 'a quote without another');
  });

  it('stands in any line of HTML, and behind any white space', () => {
    assert.equal(read('error=0<br>group=1<BR/>x=2<br />pbkey=aB3'), 'aB3');
    for (const space of [' ', '\t', '\r\n', '\n']) assert.equal(read(`OK${space}aB3xyz`), 'aB3xyz');
  });

  it('is not taken from a comment of XML, tags and all', () => {
    assert.equal(
      read('<?xml version="1.0"?><!DOCTYPE r><r><!-- <a>1</a><pbkey>old9</pbkey> --><pbkey>aB3</pbkey></r>'),
      'aB3',
    );
  });

  it('is refused for a reason beside a number of five digits, and not beside one of six', () => {
    assert.equal(refused('Error 10001: user not logged in'), 'EAUTH');
    assert.equal(refused('Error 100001: user not logged in'), 'EPLAYBACKKEY');
  });

  it('is none beside a success that is denied, in whatever word', () => {
    for (const name of ['success', 'ok'])
      for (const value of ['false', 'no', 'No'])
        assert.equal(refused(JSON.stringify({ [name]: value, data: 'aB3xyz' })), 'EPLAYBACKKEY', value);
    assert.equal(read('{"success":"yes","data":"aB3xyz"}'), 'aB3xyz');
    for (const word of ['failed', 'error', '-1', '404'])
      assert.match(refused(`{"success":"${word}","pbkey":"aB3"}`), /^E/, word);
  });

  it('is none of nothing but noughts, however many', () => {
    for (const noughts of ['0', '000', '0000000']) {
      assert.equal(refused(JSON.stringify({ pbkey: noughts })), 'EPLAYBACKKEY', noughts);
      assert.equal(refused(JSON.stringify({ data: noughts })), 'EPLAYBACKKEY', noughts);
    }
    assert.equal(read('{"pbkey":"00001"}'), '00001');
  });

  it('is not said to be missing from XML that has one beside its error', () => {
    assert.throws(() => read('<r><error>5</error><pbkey>aB3</pbkey></r>'), /reported an error .*"5"/);
    for (const none of ['<r><error>5</error></r>', '<r><error>5</error><pbkey></pbkey></r>'])
      assert.throws(() => read(none), /sent XML without a key .*"5"/, none);
  });
});
