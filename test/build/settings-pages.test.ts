import assert from 'node:assert/strict';
import { catalogOf, helpOf, referenceOf, rowsOf } from './settings-pages.js';
import { settingsTable } from '../../nodes/shared/settings/setting.js';

const table = settingsTable({
  preRoll: {
    kind: 'number',
    default: 10,
    min: 0,
    max: 120,
    label: ['Before', 'Vorlauf'],
    unit: ['s', 's'],
    help: ['Seconds kept before an `alarm`.', 'Sekunden vor einem `Alarm`.'],
    when: { mode: ['alarm'] },
  },
  mode: {
    kind: 'choice',
    default: 'alarm',
    options: { alarm: ['each alarm', 'jeder Alarm'], continuous: ['always', 'immer'] },
    label: ['Record', 'Aufnahme'],
    help: ['What is recorded.', 'Was aufgenommen wird.'],
    icon: 'fa-circle',
  },
  plain: {
    kind: 'boolean',
    default: false,
    label: ['plain <MP4>', 'einfaches <MP4>'],
    help: ['Index | in front.', 'Index vorn.'],
    section: 'more',
    badge: ['bad plain', 'plain ungültig'],
  },
});

describe('the pages of a settings table', () => {
  it('have a row for each setting of a section, with its icon, unit, default and condition', () => {
    const html = rowsOf(table, 'main', 'node-input');
    assert.match(
      html,
      /<div class="form-row nvr-row" data-nvr-when="{&quot;mode&quot;:\[&quot;alarm&quot;\]}">/,
    );
    assert.match(html, /<input type="text" id="node-input-preRoll" placeholder="10" class="nvr-number"/);
    assert.match(html, /<span data-i18n="unit.preRoll">/);
    assert.match(
      html,
      /<select id="node-input-mode" class="nvr-choice">\s+<option value="alarm" data-i18n="mode.alarm">/,
    );
    assert.match(html, /<i class="fa fa-circle"><\/i>/);
    assert.doesNotMatch(html, /plain/);
    assert.match(rowsOf(table, 'more', 'node-config-input'), /type="checkbox" id="node-config-input-plain"/);
  });

  it('have the words of both languages, badges of at most 19 characters among them', () => {
    const german = catalogOf(table, 'de');
    assert.deepEqual(german.label, { preRoll: 'Vorlauf', mode: 'Aufnahme', plain: 'einfaches <MP4>' });
    assert.deepEqual(german.unit, { preRoll: 's' });
    assert.deepEqual(german.mode, { alarm: 'jeder Alarm', continuous: 'immer' });
    assert.equal(german['bad preRoll'], 'Vorlauf ungültig');
    assert.equal(german['bad plain'], 'plain ungültig');
    assert.equal(catalogOf(table, 'en-US')['bad preRoll'], 'bad before');
  });

  it('have help in which back quotes are code and nothing else is markup', () => {
    assert.match(helpOf(table, 'en-US'), /<dd>Seconds kept before an <code>alarm<\/code>\.<\/dd>/);
    assert.match(helpOf(table, 'de'), /<dt>einfaches &lt;MP4&gt;<\/dt>/);
  });

  it('have a reference with defaults and bounds', () => {
    const text = referenceOf('nvr-record', table);
    assert.match(text, /\| `preRoll` \| Before \| 10 \| 0 to 120 \| Seconds kept/);
    assert.match(text, /\| `mode` \| Record \| alarm \| `alarm`, `continuous` \|/);
    assert.match(text, /Index \\\| in front\./);
  });
});
