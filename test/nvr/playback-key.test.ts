import assert from 'node:assert/strict';
import { NvrError } from '../../lib/errors.js';
import { readPlaybackKey, shapeOf } from '../../lib/nvr/playback/playback-key.js';

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
    // JSON
    ['JSON two levels deep', '{"response":{"data":{"pbkey":"aB3"}}}', 'aB3'],
    ['JSON in an array', '[{"pbkey":"aB3"}]', 'aB3'],
    ['JSON in an array of arrays, deep', '{"data":[[{"list":[{"key":"aB3"}]}]]}', 'aB3'],
    ['pb_key', '{"pb_key":"aB3"}', 'aB3'],
    ['playbackKey', '{"code":200,"playbackKey":"aB3"}', 'aB3'],
    ['token', '{"status":"ok","token":"aB3"}', 'aB3'],
    ['result', '{"result":"aB3xyz"}', 'aB3xyz'],
    ['data', '{"success":true,"data":"aB3xyz"}', 'aB3xyz'],
    ['a result beside the key', '{"result":"success","pbkey":"aB3"}', 'aB3'],
    ['pairs of name and value', '[{"name":"error","value":"0"},{"name":"pbkey","value":"aB3"}]', 'aB3'],
    ['a JSON string', '"aB3xyz"', 'aB3xyz'],
    ['JSON in a callback', 'callback({"pbkey":"aB3"});', 'aB3'],
    ['an error of "0"', '{"error":"0","key":"aB3"}', 'aB3'],
    ['an error of "none"', '{"error":"none","key":"aB3"}', 'aB3'],
    ['an error of "success"', '{"error":"success","errorCode":0,"key":"aB3"}', 'aB3'],
    ['an error of null', '{"error":null,"errmsg":"","key":"aB3"}', 'aB3'],
    ['an error of false, in an object', '{"error":{"code":0,"message":"OK"},"key":"aB3"}', 'aB3'],
    // XML
    ['XML with a name space', '<n:r xmlns:n="urn:x"><n:pbkey>aB3</n:pbkey></n:r>', 'aB3'],
    ['XML with attributes', '<r><key type="playback" ttl="60">aB3</key></r>', 'aB3'],
    ['an attribute', "<r><session pbkey = 'aB3' error='0'/></r>", 'aB3'],
    ['an attribute called value', '<r><pbkey value="aB3"/></r>', 'aB3'],
    ['a named item', '<r><item name="pbkey">aB3</item></r>', 'aB3'],
    ['entities', '<r><pbkey>a&lt;b&#x2B;c&#47;d&quot;</pbkey></r>', 'a<b+c/d"'],
    [
      'comments, instructions and line breaks',
      '<?xml version="1.0"?><!-- <pbkey>no</pbkey> -->\n<r>\n<pbkey>\n aB3\n</pbkey></r>',
      'aB3',
    ],
    ['an error of 0 in XML', '<r><error>0</error><errmsg>success</errmsg><pbkey>aB3</pbkey></r>', 'aB3'],
    ['a web service’s string', '<string xmlns="http://tempuri.org/">aB3xyz</string>', 'aB3xyz'],
    // Text
    ['OK and then the key', 'OK\r\naB3xyz', 'aB3xyz'],
    ['OK and then the key, in one line', 'OK aB3xyz', 'aB3xyz'],
    ['OK: and the key', 'OK:aB3xyz', 'aB3xyz'],
    ['0 and then the key', '0\naB3xyz', 'aB3xyz'],
    ['OK and a named key', 'OK\nroot.pbkey=aB3', 'aB3'],
    ['root.pbkey=', 'root.pbkey=aB3', 'aB3'],
    ['var pbkey="…";', 'var pbkey="aB3";', 'aB3'],
    ['two variables', "var result = 0;\nvar pbkey = 'aB3=;x';", 'aB3=;x'],
    ['a form', 'error=0&pbkey=aB3', 'aB3'],
    ['pairs in one line', 'result=OK pbkey=aB3', 'aB3'],
    ['pairs with semicolons', 'error=0;pbkey=aB3;', 'aB3'],
    ['quotes in a line', '"pbkey": "aB3",', 'aB3'],
    ['capitals', 'PBKEY = aB3', 'aB3'],
    ['more behind the key', 'pbkey=aB3 expires 60', 'aB3'],
    ['base64 with padding', 'YWJjZGVmZ2hpag==', 'YWJjZGVmZ2hpag=='],
    ['base64url with words in it', 'no_8fA3-Err7xQ', 'no_8fA3-Err7xQ'],
    ['a UUID', '3f2504e0-4f89-41d3-9a0c-0305e82c3301', '3f2504e0-4f89-41d3-9a0c-0305e82c3301'],
    ['digits', '1764233441', '1764233441'],
    ['a byte order mark', '\ufeffpbkey=aB3', 'aB3'],
  ] as const) {
    it(`takes ${form}`, () => {
      assert.equal(read(body), key);
    });
  }

  for (const [body, code, said] of [
    ['-1', 'EPLAYBACKKEY', /refused.*"-1"/],
    ['0', 'EPLAYBACKKEY', /refused.*"0"/],
    ['404', 'EPLAYBACKKEY', /no key.*"404"/],
    ['OK', 'EPLAYBACKKEY', /no key/],
    ['error=-3', 'EPLAYBACKKEY', /error.*"-3"/],
    ['{"error":{"code":-3}}', 'EPLAYBACKKEY', /"-3"/],
    ['{"result":-1,"pbkey":""}', 'EPLAYBACKKEY', /"-1"/],
    ['{"pbkey":-1}', 'EPLAYBACKKEY', /"-1"/],
    ['{"key":0}', 'EPLAYBACKKEY', /"0"/],
    ['{"error":true,"key":"aB3"}', 'EPLAYBACKKEY', /error/],
    ['{"success":false,"data":"aB3xyz"}', 'EPLAYBACKKEY', /error/],
    ['<r><pbkey>-1</pbkey></r>', 'EPLAYBACKKEY', /"-1"/],
    ['NOT_LOGIN', 'EAUTH', /log-in first/],
    ['NotLogin', 'EAUTH', /"Not"/],
    ['not logged in', 'EAUTH', /"not"/],
    ['error=5\r\nmessage=please login first', 'EPLAYBACKKEY', /"5"/],
    ['error=5\r\nmessage=not logged in', 'EAUTH', /"not"/],
    ['{"code":-2,"msg":"session expired"}', 'EAUTH', /"expired"/],
    ['{"pbkey":"NOT_LOGIN"}', 'EAUTH', /"NOT"/],
    ['<r><error>login required: NOT_LOGIN</error></r>', 'EAUTH', /log-in/],
    ['UNAUTHORIZED', 'EAUTH', /"UNAUTHORIZED"/],
    ['NO_PERMISSION', 'EFORBIDDEN', /remote/],
    ['{"status":"error","reason":"access denied"}', 'EFORBIDDEN', /"denied"/],
    ['no_record', 'ENORECORDING', /nothing is recorded/],
    ['NoRecord', 'ENORECORDING', /"No"/],
    ['pbkey=no_record', 'ENORECORDING', /"pbkey".*"no"/],
    ['{"result":"fail","message":"no recording found"}', 'ENORECORDING', /"no"/],
    ['NO DATA', 'ENORECORDING', /nothing is recorded/],
    ['ticket=aB3xyz77', 'EPLAYBACKKEY', /name that is known/],
    ['[[[[[[[[[[[[{"pbkey":"aB3"}]]]]]]]]]]]]', 'EPLAYBACKKEY', /without a key/],
  ] as const) {
    it(`tells ${JSON.stringify(body)} for what it is, and sends it on as no key`, () => {
      assert.throws(
        () => read(body),
        (error) => {
          assert.ok(error instanceof NvrError);
          assert.equal(error.code, code);
          assert.match(error.message, said);
          assert.ok(error.message.length < 300 && !error.message.includes('aB'));
          return true;
        },
      );
    });
  }

  describe('with the setting keyPattern', () => {
    const readBy = (pattern: string, body: string): string => readPlaybackKey(Buffer.from(body), '', pattern);

    for (const [pattern, body, key] of [
      ['ticket', 'ticket=aB3', 'aB3'],
      ['ticket', '{"pbkey":"other1","x":{"ticket":"aB3"}}', 'aB3'],
      ['play-ticket', '<r><PlayTicket>aB3</PlayTicket></r>', 'aB3'],
      ['id=[*]', 'given id=[aB3] today', 'aB3'],
      ['gen:*', 'gen:aB3 60', 'aB3'],
      ['*;60', 'aB3;60', 'aB3'],
    ] as const)
      it(`finds the key by ${pattern} in ${body}`, () => {
        assert.equal(readBy(pattern, body), key);
      });

    it('says so where it fits nothing, and says what a refusal is all the same', () => {
      assert.throws(() => readBy('ticket', 'aB3xyz'), /"keyPattern" fits/);
      assert.throws(() => readBy('ticket', 'NOT_LOGIN'), /log-in first/);
      assert.throws(() => readBy('ticket', 'ticket=-1'), /"-1"/);
    });
  });

  it('is linear in 64 KiB, whatever they are made of', function () {
    this.timeout(20_000);
    const spaces = ' '.repeat(60_000);
    const bodies = [
      `key=a${spaces}b`,
      `${spaces}key=a`,
      `"${spaces}`,
      `<title${'<title'.repeat(9_000)}`,
      `<html><title${spaces}`,
    ];
    for (const piece of [
      '<a ',
      '<a b="',
      '<!--',
      '<![CDATA[',
      '&#x',
      '&',
      '=',
      ':',
      '"',
      '{"a":',
      '[',
      '({',
      'a=b&',
      'a=b;',
      'a b ',
      'aB',
      'NoRecord',
      'No ',
      '_',
      "<a b='c' ",
      '\n',
      'var ',
      'key=',
      '</',
    ])
      bodies.push(piece.repeat(64_000 / piece.length));
    for (const body of bodies) {
      const begun = process.cpuUsage();
      for (const pattern of ['', 'ticket', 'a*b'])
        try {
          readPlaybackKey(Buffer.from(body), 'text/plain', pattern);
        } catch (error) {
          assert.ok(error instanceof NvrError, String(error));
        }
      shapeOf(Buffer.from(body));
      const { user } = process.cpuUsage(begun);
      assert.ok(user < 1_000_000, `${body.slice(0, 12)}: ${user / 1000} ms`);
    }
  });

  it('shows the shape of a reply, its names and how long the rest is, and never the key', () => {
    for (const [body, shape] of [
      ['aB3xyz', '[6 of a-z A-Z 0-9]'],
      ['secretkeyofletters', '[18 of a-z]'],
      ['secretkey==', '[9 of a-z]=='],
      ['pbkey=aB3\r\nresult: ok', 'pbkey=[3 of a-z A-Z 0-9]\r\nresult: ok'],
      ['{"data":[{"ticket":"secret"\n}]}', '{"data":[{"ticket":"[6 of a-z]"\n}]}'],
      [
        '<r a="secret"><ticket>sec ret</ticket></r>',
        '<r a="[6 of a-z]"><ticket>[3 of a-z] [3 of a-z]<[7 of a-z other]><[2 of a-z other]>',
      ],
      ['NOT_LOGIN', '[9 of A-Z other]'],
    ] as const)
      assert.equal(shapeOf(Buffer.from(body)), shape);
    assert.ok(shapeOf(Buffer.from('{"a":1},'.repeat(8000))).length < 1100);
  });

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
