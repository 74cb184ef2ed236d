import assert from 'node:assert/strict';
import { NvrError } from '../lib/errors.js';
import { redact } from '../lib/redact.js';
import {
  formsOf,
  holdAccount,
  rememberKey,
  rememberResponse,
  SecretRegister,
  secrets,
} from '../lib/secrets.js';
import { printable } from '../lib/text.js';

const ACCOUNT = { username: 'wächter', password: 'Gehe!m & "47" ü' };

describe('live secrets', () => {
  const forms = [
    ACCOUNT.password,
    encodeURIComponent(ACCOUNT.password),
    encodeURIComponent(ACCOUNT.password).replaceAll('%20', '+'),
    encodeURIComponent(ACCOUNT.password).replace(/%../g, (code) => code.toLowerCase()),
    Buffer.from(ACCOUNT.password).toString('base64'),
    Buffer.from(ACCOUNT.password, 'latin1').toString('base64'),
    Buffer.from(`${ACCOUNT.username}:${ACCOUNT.password}`).toString('base64'),
    Buffer.from(`${ACCOUNT.username}:${ACCOUNT.password}`, 'latin1').toString('base64').replaceAll('=', ''),
    Buffer.from(ACCOUNT.password).toString('latin1'),
    'Gehe!m &amp; &quot;47&quot; ü',
    'Gehe!m & \\"47\\" ü',
  ];

  it('are struck out of errors, shown text, traces and logs in every form, whatever stands around them, until they are let go', () => {
    const forget = holdAccount(ACCOUNT);
    for (const form of forms) {
      const echo = `X-Debug: seen<${form}>${form}`;
      for (const said of [new NvrError('EPROTOCOL', echo).message, printable(echo), redact(echo)])
        assert.ok(!said.includes(form) && !said.includes('47'), said);
      assert.match(redact(echo), /^X-Debug: seen<\*\*\*=*>\*\*\*=*$/);
    }
    forget();
    forget();
    assert.equal(redact(forms[0]!), forms[0]);
  });

  it('are struck out in forms upon forms, as programs of other languages write them', () => {
    const password = 'Ab/~ü? (47)';
    const forget = holdAccount({ username: 'wächter', password });
    const utf8 = Buffer.from(password);
    const plain = utf8.toString('base64');
    const basic = Buffer.from(`wächter:${password}`).toString('base64');
    const hex = [...utf8].map((byte) => byte.toString(16).padStart(2, '0'));
    const forms = {
      'a form of the web': new URLSearchParams({ p: password }).toString().slice(2),
      'lower case with + for a space': 'Ab%2f%7e%c3%bc%3f+%2847%29',
      'every character in percent': hex.map((one) => `%${one}`).join(''),
      'every character in percent, upper case': hex.map((one) => `%${one.toUpperCase()}`).join(''),
      'percent twice': encodeURIComponent(encodeURIComponent(password)),
      'JSON in ASCII': 'Ab/~\\u00fc? (47)',
      'JSON in ASCII, upper case': 'Ab/~\\u00FC? (47)',
      'JSON with \\/': 'Ab\\/~ü? (47)',
      'JSON with \\/ in ASCII': 'Ab\\/~\\u00fc? (47)',
      'JSON, every character escaped': password.replace(
        /[^]/g,
        (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
      ),
      'XML in decimals': 'Ab/~&#252;? (47)',
      'XML in hexadecimals': 'Ab/~&#xfc;? (47)',
      'base64 in a query': encodeURIComponent(plain),
      'Basic in a query': encodeURIComponent(basic),
      'Basic in a query, lower case': encodeURIComponent(basic).replace(/%../g, (code) => code.toLowerCase()),
    };
    for (const [name, form] of Object.entries(forms))
      for (const said of [
        new NvrError('EPROTOCOL', `<${form}>`).message,
        printable(`<${form}>`),
        redact(`<${form}>`),
      ])
        assert.match(said, /^<\*\*\*(?:=|%3D|%3d)*>$/, name);
    forget();
  });

  it('stay struck out while another holds them', () => {
    const [one, other] = [holdAccount(ACCOUNT), holdAccount(ACCOUNT)];
    one();
    assert.equal(redact(ACCOUNT.password), '***');
    other();
    assert.equal(redact(ACCOUNT.password), ACCOUNT.password);
  });

  it('are keys and responses too, under whatever name or in whatever path they come back', () => {
    rememberKey('k7/Zz+9=');
    rememberResponse('e0ff72846d2179b1e3e7ed983bb6ed75');
    for (const echo of ['/play/k7%2FZz%2B9%3D/x', 'ticket=k7/Zz+9=', 'sid: e0ff72846d2179b1e3e7ed983bb6ed75'])
      assert.ok(
        !/k7|e0ff/.test(new NvrError('EPROTOCOL', echo).message) && !/k7|e0ff/.test(redact(echo)),
        echo,
      );
  });

  it('are forgotten at last: keys and responses come without end', () => {
    for (let n = 0; n < 10_000; n++) rememberResponse(`response-${n}-of-many`);
    assert.equal(redact('response-1-of-many'), 'response-1-of-many');
    assert.equal(redact('response-9999-of-many'), '***');
  });

  it('do not strike words out of our own sentences, where that would tell them', () => {
    const forget = holdAccount({ username: 'admin', password: 'password' });
    const text = 'check the user name and the password.';
    assert.equal(new NvrError('EAUTH', text).message, text);
    assert.equal(printable('your password'), 'your ***');
    forget();
  });

  it('cost a line the same, however many there are, and however alike', () => {
    const release = secrets.hold(
      Array.from({ length: 20_000 }, (_, n) => `secret-${n}-${'x'.repeat(n % 50)}`),
    );
    const line = 'DESCRIBE rtsp://192.168.1.20/live?ch=0000 RTSP/1.0\r\n'.repeat(300);
    const begun = process.cpuUsage();
    for (let n = 0; n < 20; n++) redact(line);
    const { user } = process.cpuUsage(begun);
    release();
    assert.ok(user < 2_000_000, `${user / 1000} ms`);
  });

  it('cost an error and a line the same when a server makes a thousand long keys that begin alike', () => {
    for (let n = 0; n < 1024; n++) rememberKey(`${'a'.repeat(1000)}${n}`);
    const begun = process.cpuUsage();
    const { message } = new NvrError('EPROTOCOL', `It says ${'a'.repeat(3000)}.`);
    for (const spaced of ['a'.repeat(16_000), 'aaaaaaaaaaaaaaa '.repeat(1000), 'a&b'.repeat(5000)])
      secrets.strike(spaced);
    assert.equal(printable(`key=${'a'.repeat(1000)}77, and more`), 'key=*** and more');
    const { user } = process.cpuUsage(begun);
    assert.ok(user < 1_000_000, `${user / 1000} ms`);
    assert.ok(message.length < 200);
  });

  it('strike all of a key, whatever it holds', () => {
    rememberKey(`begin-of-a-key-&-"more";of,it<${'x'.repeat(40)}`);
    assert.equal(printable(`no begin-of-a-key-&-"more";of,it<${'x'.repeat(40)} here`), 'no *** here');
  });

  it('are three characters or more, and struck out up to the last character of a text', () => {
    const register = new SecretRegister();
    register.hold(['abc', 'xy']);
    assert.equal(register.strike('xy abc'), 'xy ***');
    assert.equal(register.strike('abcabc'), '******');
    assert.equal(register.strike('ab'), 'ab');
    register.holdForeign(['uvw', 'st']);
    assert.equal(register.strike('st uvw'), 'st ***');
  });

  it('are struck out of our own sentences if they are six characters, one of them no letter', () => {
    const register = new SecretRegister();
    register.hold(['abc12', 'abcd12', 'letters']);
    register.holdForeign(['uvw12', 'uvwx12', 'characters', 'onlylettersofakeyhere']);
    const text = 'abc12 abcd12 letters uvw12 uvwx12 characters onlylettersofakeyhere.';
    assert.equal(register.strike(text, true), 'abc12 *** letters uvw12 *** characters ***');
    assert.equal(register.strike(text), '*** *** *** *** *** *** ***');
  });

  it('are struck out as the longest that stands there, whichever came first', () => {
    for (const forms of [
      ['abcdef', 'abc'],
      ['abc', 'abcdef'],
    ]) {
      const register = new SecretRegister();
      register.hold(forms);
      assert.equal(register.strike('<abcdef>'), '<***>');
    }
  });

  it('that begin alike are struck out until the last of them is released, each once', () => {
    const register = new SecretRegister();
    const same = `${'k'.repeat(16)}-`;
    const [one, two, short] = [[`${same}1`], [`${same}2`], ['kkkk-3']].map((forms) =>
      register.holdForeign(forms),
    );
    one!();
    one!();
    assert.equal(register.strike(`${same}1 kkkk-3`), '*** ***');
    two!();
    assert.equal(register.strike(`${same}1 kkkk-3`), `${same}1 ***`);
    short!();
    assert.equal(register.strike('kkkk-3'), 'kkkk-3');
    const [first, second] = [register.hold(['abc']), register.hold(['abc', 'abd'])];
    first();
    first();
    assert.equal(register.strike('abc abd'), '*** ***');
    second();
    assert.equal(register.strike('abc abd'), 'abc abd');
  });

  it('are remembered as many as there are: 4096 responses, 1024 keys, the oldest forgotten first', () => {
    for (const [many, remember] of [
      [4096, rememberResponse],
      [1024, rememberKey],
    ] as const) {
      const name = (n: number): string => `${n}.of.${many}`;
      for (let n = 1; n <= many; n++) remember(name(n));
      assert.equal(redact(name(1)), '***');
      remember(name(0));
      assert.equal(redact(name(1)), name(1));
      assert.equal(redact(name(2)), '***');
    }
  });

  it('are none where there is no password', () => {
    const forget = holdAccount({ username: 'visitor', password: '' });
    const basic = Buffer.from('visitor:').toString('base64');
    assert.equal(redact(basic), basic);
    forget();
  });

  it('have forms for any text', () => {
    for (const odd of ['\ud800', '日本', "'()*!", '', '\u0000'])
      assert.ok(formsOf(odd).every((form) => typeof form === 'string'));
  });
});
