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
    ['characters that a URI must not hold', 'Kq8Zb1t2X&=/+%~ü', 'Kq8Zb1t2X&=/+%~ü'],
    ['a UUID', '3f2504e0-4f89-41d3-9a0c-0305e82c3301', '3f2504e0-4f89-41d3-9a0c-0305e82c3301'],
    ['digits', '1764233441', '1764233441'],
    ['a byte order mark', '\ufeffpbkey=aB3', 'aB3'],
    // Written down in advance, as further ways in which a device may say it
    ['JSON with the key in a list', '{"pbkey":["aB3"]}', 'aB3'],
    ['JSON with the key as an element’s text', '{"pbkey":{"#text":"aB3","ttl":60}}', 'aB3'],
    ['a bare JSON list', '["aB3xYz9q"]', 'aB3xYz9q'],
    ['a JSON list of a status and the key', '[0,"aB3xYz9q"]', 'aB3xYz9q'],
    ['a numeric success beside the key', '{"statusCode":1,"statusString":"OK","key":"aB3"}', 'aB3'],
    ['a code of E0000', '{"code":"E0000","pbkey":"aB3"}', 'aB3'],
    ['a success in Chinese', '{"error":"成功","msg":"操作成功","pbkey":"aB3"}', 'aB3'],
    ['a success in German', '{"error":"Erfolg","pbkey":"aB3"}', 'aB3'],
    ['JSON behind a guard', 'for(;;);{"pbkey":"aB3"}', 'aB3'],
    ['JSON behind another guard', ')]}\'\n{"pbkey":"aB3"}', 'aB3'],
    ['two JSON documents', '{"pbkey":"aB3"}\n{"end":true}', 'aB3'],
    ['an object of JavaScript', "{error:0, pbkey:'aB3'}", 'aB3'],
    ['an object without quotes', '{pbkey=aB3}', 'aB3'],
    ['a string in a callback', 'cb("aB3xYz9q");', 'aB3xYz9q'],
    ['a URI in JSON', '{"url":"rtsp://h/playback?ch=0000&stype=M&pbkey=aB%2B3"}', 'aB+3'],
    ['a URI in XML', '<url>rtsp://h/playback?ch=0&amp;pbkey=aB3</url>', 'aB3'],
    ['a path', '/playback?pbkey=aB3', 'aB3'],
    [
      'a SOAP envelope',
      '<s:Envelope xmlns:s="x"><s:Body><m:pbkey>aB3</m:pbkey></s:Body></s:Envelope>',
      'aB3',
    ],
    [
      'XML with a head and a body',
      '<r><head><code>0</code></head><body><pbkey>aB3</pbkey></body></r>',
      'aB3',
    ],
    ['an INI file', '[result]\r\nerror=0\r\npbkey=aB3', 'aB3'],
    ['a name and the key', 'pbkey aB3', 'aB3'],
    ['a sentence of the key', 'pbkey is aB3', 'aB3'],
    ['a name in quotes', '"pbkey"="aB3"', 'aB3'],
    ['a C program’s global', 'var g_pbkey = "aB3";', 'aB3'],
    ['a line such as a header', 'X-PBKey: aB3', 'aB3'],
    ['SUCCESS: and the key', 'SUCCESS:aB3xYz9q', 'aB3xYz9q'],
    ['a status and the key between bars', '0|aB3xYz9q', 'aB3xYz9q'],
    ['+OK and the key', '+OK aB3xYz9q', 'aB3xYz9q'],
    ['a second HTTP head', 'HTTP/1.1 200 OK\r\nServer: x\r\n\r\naB3xYz9q', 'aB3xYz9q'],
    ['single quotes', "'aB3xYz9q'", 'aB3xYz9q'],
    ['a semicolon behind it', 'aB3xYz9q;', 'aB3xYz9q'],
    ['the NUL at the end of a C string', 'pbkey=aB3\0\0', 'aB3'],
    ['a line break of HTML', 'pbkey=aB3<br/>\r\n', 'aB3'],
    ['a page that shows a named key', '<html><body>error=0<br>pbkey=aB3</body></html>', 'aB3'],
    ['a page that shows the key alone', '<html><body><pre>aB3xYz9q</pre></body></html>', 'aB3xYz9q'],
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
    ['ticket=aB3xyz77', 'EPLAYBACKKEY', /under a known name/],
    // Other languages
    ['Fehler', 'EPLAYBACKKEY', /refused.*"Fehler"/],
    ['pbkey=Fehler', 'EPLAYBACKKEY', /"pbkey".*"Fehler"/],
    ['ungültig', 'EPLAYBACKKEY', /"ungültig"/],
    ['Zugriff verweigert', 'EFORBIDDEN', /remote/],
    ['Keine Berechtigung', 'EFORBIDDEN', /remote/],
    ['Nicht angemeldet', 'EAUTH', /log-in first/],
    ['{"fehler":1,"message":"Falsches Passwort"}', 'EAUTH', /log-in first/],
    ['Keine Aufzeichnung gefunden', 'ENORECORDING', /nothing is recorded/],
    ['错误', 'EPLAYBACKKEY', /"错误"/],
    ['{"error":"未登录"}', 'EAUTH', /log-in first/],
    ['用户名或密码错误', 'EAUTH', /log-in first/],
    ['{"msg":"没有权限"}', 'EFORBIDDEN', /remote/],
    ['{"pbkey":"没有录像"}', 'ENORECORDING', /nothing is recorded/],
    ['Échec', 'EPLAYBACKKEY', /no key/],
    // Codes, and words that are no refusals in themselves
    ['{"code":401,"message":"x"}', 'EAUTH', /"401"/],
    ['{"status":403}', 'EFORBIDDEN', /"403"/],
    ['<r><code>401</code></r>', 'EAUTH', /"401"/],
    ['401', 'EAUTH', /"401"/],
    ['0x80000001', 'EPLAYBACKKEY', /"0x80000001"/],
    ['ERR5', 'EPLAYBACKKEY', /"ERR5"/],
    ['E1001', 'EPLAYBACKKEY', /"E1001"/],
    ['OperationFailed', 'EPLAYBACKKEY', /refused/],
    ['login', 'EAUTH', /log-in first/],
    ['please login', 'EAUTH', /log-in first/],
    ['{"result":"login"}', 'EPLAYBACKKEY', /without a key/],
    ['{"result":"/login.html"}', 'EPLAYBACKKEY', /without a key/],
    ['{"loggedIn":false,"token":"aB3xYz9q"}', 'EAUTH', /log-in first/],
    ['{"authenticated":0,"token":"aB3xYz9q"}', 'EAUTH', /log-in first/],
    ['offline', 'EPLAYBACKKEY', /"offline"/],
    ['{"pbkey":"N/A"}', 'EPLAYBACKKEY', /"N\/A"/],
    ['pbkey', 'EPLAYBACKKEY', /"pbkey"/],
    ['pbkey=%s', 'EPLAYBACKKEY', /no key/],
    ['<pbkey>${pbkey}</pbkey>', 'EPLAYBACKKEY', /no key/],
    ['?', 'EPLAYBACKKEY', /no key/],
    // Pages that are no key
    ['<form action="/login"><input name="token" value="aB3xYz9q"></form>', 'EPLAYBACKKEY', /HTML page/],
    ['<meta http-equiv="refresh" content="0;url=/login.html">', 'EPLAYBACKKEY', /HTML page/],
    ['<html><script>var token="aB3xYz9q"</script></html>', 'EPLAYBACKKEY', /HTML page/],
    ['<html><title>401</title><body>pbkey=aB3</body></html>', 'EPLAYBACKKEY', /HTML page/],
    ['<html><body>Forbidden</body></html>', 'EFORBIDDEN', /remote/],
    ['<html><body>Welcome</body></html>', 'EPLAYBACKKEY', /HTML page/],
    ['document.location="/login.asp"', 'EPLAYBACKKEY', /no key|under a known name/],
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

  it('reads UTF-16 of either order, with and without its mark', () => {
    const little = Buffer.from('pbkey=aB3xYz9q', 'utf16le');
    const big = Buffer.from(little).swap16();
    for (const body of [
      little,
      big,
      Buffer.concat([Buffer.from([0xff, 0xfe]), little]),
      Buffer.concat([Buffer.from([0xfe, 0xff]), big]),
    ])
      assert.equal(readPlaybackKey(body, 'text/plain'), 'aB3xYz9q');
  });

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
      assert.throws(() => readBy('ticket', 'aB3xyz'), /"keyPattern" does not fit/);
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
      'nicht ',
      '无',
      '?pbkey=',
      '<br ',
      '<div>',
      '[a]\n',
      '0x',
      'pbkey ',
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
