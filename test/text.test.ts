import assert from 'node:assert/strict';
import fc from 'fast-check';
import { NvrError } from '../lib/errors.js';
import { holdAccount } from '../lib/secrets.js';
import { byteString, printable, textOfBytes, trimBytes } from '../lib/text.js';

const bytes = (...parts: (string | Buffer)[]): string =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string))).toString('latin1');

describe('printable', () => {
  it('decodes what came as bytes: UTF-8 where it is that, Latin-1 where it may be, else what of it is ASCII', () => {
    assert.equal(printable(bytes('Nicht gefunden: Tür à')), 'Nicht gefunden: Tür à');
    assert.equal(printable(bytes('Ворота')), 'Ворота');
    assert.equal(printable(bytes(Buffer.from('Tür', 'latin1'))), 'Tür');
    assert.equal(printable(bytes(Buffer.from('a8f0e78290ff', 'hex'))), '?'.repeat(6));
    assert.equal(printable('schon Text: „Tor“'), 'schon Text: „Tor“');
  });

  it('strikes out controls, escape sequences, marks of direction, zero widths and halves of pairs', () => {
    const hostile =
      '\u001b[31mred\u0000\u0007\u009b\u202Egnp.exe\u2066x\u2069\u200b\u200f\u061c\u2028\ufeff\ud800!';
    assert.match(printable(hostile), /^[\x20-\x7e]+$/);
    assert.match(printable(hostile), /red.*gnp\.exe.*x.*!$/);
  });

  it('shows 200 characters at most, never half a character, whatever comes', () => {
    assert.equal(printable('x'.repeat(60_000)).length, 200);
    assert.equal(printable(`${'x'.repeat(199)}\u{1f4f7}`), `${'x'.repeat(199)}?`);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const shown = printable(text);
        assert.ok(shown.length <= 200);
        assert.ok(!/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u.test(shown));
      }),
    );
  });

  it('strikes out a secret that lies across the cut as a whole', () => {
    const forget = holdAccount({ username: 'admin', password: 'Geheimnis-47' });
    for (const before of [190, 195, 199])
      assert.ok(!printable(`${'x'.repeat(before)}Geheimnis-47 and more`).includes('G'), `${before}`);
    forget();
  });

  it('stands behind every error: nothing unseen in a message, and no message without end', () => {
    const error = new NvrError('EPROTOCOL', `It said "\u202e\r\n\u0000${'y'.repeat(100_000)}"`);
    assert.match(error.message, /^It said "\?\?\?\?yyy/);
    assert.ok(error.message.length <= 1001);
  });
});

describe('text as bytes', () => {
  it('goes there and back, in UTF-8 and in Latin-1', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        assert.equal(Buffer.from(byteString(text), 'latin1').toString('utf8'), text);
      }),
    );
    assert.equal(byteString('Tür', 'latin1'), 'Tür');
    assert.equal(textOfBytes(byteString('Tür')), 'Tür');
  });

  it('is trimmed of white space alone: the byte A0 is a piece of a letter', () => {
    assert.equal(trimBytes(` \t${byteString('à')}\r\n`), byteString('à'));
    assert.equal(trimBytes(' \t '), '');
    assert.equal(trimBytes('\v\f a b \n\n'), 'a b');
  });
});
