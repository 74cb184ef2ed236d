import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { NVR_ERROR_CODES } from '../../lib/errors.js';
import { SENTENCES } from '../../nodes/shared/settings/check.js';
import type { Language } from '../build/settings-pages.js';
import { TABLES } from '../../nodes/shared/settings/tables/index.js';
import { catalog as builtCatalog, editorPages, sentencesOf } from '../build/pages.js';

const NODES = path.join(__dirname, '..', '..', 'nodes');
const LANGUAGES = ['en-US', 'de'] as const;
const TYPES = fs
  .readdirSync(NODES)
  .filter((name) => name.endsWith('.html'))
  .map((name) => path.basename(name, '.html'));

const read = (...parts: string[]): string => fs.readFileSync(path.join(NODES, ...parts), 'utf8');
const badges = (language: string): Record<string, string> =>
  JSON.parse(read('shared', 'locales', `${language}.json`)) as Record<string, string>;

/** A catalog as `a.b.c` -> text. */
function flat(value: unknown, prefix = ''): Map<string, string> {
  if (typeof value === 'string') return new Map([[prefix, value]]);
  return new Map(
    Object.entries(value as object).flatMap(([key, inner]) => [
      ...flat(inner, prefix === '' ? key : `${prefix}.${key}`),
    ]),
  );
}

/** The words of a node as the build writes them, those that all nodes share aside. */
function catalog(language: Language, type: string): Map<string, string> {
  const words = flat(builtCatalog(type, language));
  for (const key of Object.keys(badges(language))) words.delete(key);
  return words;
}

/** Keys that a dialog or its script looks up. */
function used(html: string): string[] {
  const marked = [...html.matchAll(/data-i18n="(?:\[\w+\])?([\w.-]+)"/g)].map(([, key]) => key!);
  const called = [...html.matchAll(/(?:this|node)\._\('([\w.]+)'/g)].map(([, key]) => key!);
  const byName = [...html.matchAll(/RED\._\('[^:']+:([\w.]+)'/g)].map(([, key]) => key!);
  return [...marked, ...called, ...byName];
}

describe('the texts of the editor', () => {
  const pages = editorPages();

  for (const type of TYPES) {
    it(`of ${type} are there in every language, each that the dialog shows and none besides in one alone`, () => {
      const [english, german] = LANGUAGES.map((language) => catalog(language, type));
      assert.deepEqual([...german!.keys()].sort(), [...english!.keys()].sort());
      for (const key of used(pages.get(`${type}.html`)!)) assert.ok(english!.has(key), `${type}: ${key}`);
      for (const texts of [english!, german!])
        for (const [key, text] of texts) assert.notEqual(text.trim(), '', `${type}: ${key}`);
    });

    it(`of ${type} hold the same placeholders in every language`, () => {
      const [english, german] = LANGUAGES.map((language) => catalog(language, type));
      for (const [key, text] of english!) {
        const names = (of: string): string[] => (of.match(/__\w+__/g) ?? []).sort();
        assert.deepEqual(names(german!.get(key)!), names(text), key);
      }
    });

    it(`of ${type} include help in every language, and the dialog stays short`, () => {
      for (const language of LANGUAGES)
        assert.ok(read('locales', language, `${type}.html`).includes(`data-help-name="${type}"`));
      const html = read(`${type}.html`);
      assert.ok(html.split('\n').length < 300);
      assert.ok(!/\.html\(|innerHTML|\.append\([^)]*\+/.test(html), 'names are set by text() and val()');
    });
  }

  it('have a sentence in each language for all that is wrong with a setting', () => {
    assert.deepEqual(Object.keys(sentencesOf('de')), Object.keys(SENTENCES));
  });

  it('leave nothing of a settings table out: a row in the dialog, a line in the help', () => {
    for (const [type, table] of Object.entries(TABLES)) {
      const prefix = type === 'nvr-server' ? 'node-config-input' : 'node-input';
      for (const [name, setting] of Object.entries(table)) {
        const { label, section } = setting;
        // A source is the type of another field, which tells of it.
        const isSource = setting.kind === 'choice' && setting.isSource === true;
        if (section !== 'none' || isSource)
          assert.ok(pages.get(`${type}.html`)!.includes(`id="${prefix}-${name}"`), `${type}: ${name}`);
        for (const [index, language] of isSource ? [] : LANGUAGES.entries())
          assert.ok(
            pages.get(`locales/${language}/${type}.html`)!.includes(`<dt>${label[index]}</dt>`),
            `${type}: ${name}`,
          );
      }
      for (const page of pages.values()) assert.doesNotMatch(page, /<!-- (rows|settings)/);
    }
  });

  it('stand beside a test button in every dialog: of the connection at the NVR, of the camera at each node', () => {
    for (const type of TYPES) {
      const what = type === 'nvr-server' ? 'testConnection' : 'testCamera';
      assert.ok(read(`${type}.html`).includes(`RED.nvr.${what}($('#`), type);
    }
  });

  it('have a badge of under 20 characters for every state and code', () => {
    for (const language of LANGUAGES) {
      const texts = badges(language);
      for (const word of [
        'idle',
        'connecting',
        'playing',
        'retrying',
        'stopped',
        'error',
        ...NVR_ERROR_CODES,
      ])
        assert.ok(Object.hasOwn(texts, word), `${language}: ${word}`);
      for (const [key, text] of Object.entries(texts))
        if (!/^(sentence|test|stage) /.test(key)) assert.ok(text.length < 20, `${language}: ${text}`);
    }
    assert.deepEqual(Object.keys(badges('de')), Object.keys(badges('en-US')));
  });

  it('have a sentence of its own for every code, for people to act on', () => {
    for (const language of LANGUAGES) {
      const texts = badges(language);
      const sentences = NVR_ERROR_CODES.map((code) => texts[`sentence ${code}`]);
      for (const sentence of sentences) assert.match(sentence ?? '', /^[A-ZÄÖÜ].{25,200}\.$/);
      assert.equal(new Set(sentences).size, NVR_ERROR_CODES.length);
    }
  });

  it('read as if written by a German, and are easy to understand in English', () => {
    const of = (language: Language): string =>
      [
        ...TYPES.flatMap((type) => [...flat(builtCatalog(type, language)).values()]),
        ...TYPES.map((type) => pages.get(`locales/${language}/${type}.html`)!),
        ...Object.values(badges(language)),
        ...Object.values(sentencesOf(language)),
        // Both languages, in what pages say.
        ...['nvr-video/texts.js', 'timeline.js'].map((name) => read('shared', 'view', name)),
        fs.readFileSync(path.join(NODES, '..', 'lib', 'nvr', 'evidence', 'verify.html'), 'utf8'),
      ].join('\n');
    // `NVR` is "der" throughout.
    const stilted =
      /auf der Leitung|\b(?:des|die|der|den) Laufs?\b|\bLäufe|Nicht beschreiben|Epochen|\b[Dd]as NVR\b|NVR, das\b|statt dessen/;
    assert.equal(stilted.exec(of('de'))?.[0], undefined);
    // One word for one thing: Standbild, dekodieren, Kennwort, Rechner, Eingang und Ausgang.
    const others =
      /Schnappsch|[Dd]ecodier|Passw(?:o|ö)rt|\bMaschine|Eingaben\b|Ausgaben\b|Näheres|\bheil(?:e|es|en)?\b|Fragt:/;
    assert.equal(others.exec(of('de'))?.[0], undefined);
    const riddles = /pulled out|know no fragments|whose word|on the wire|\bone's word/;
    assert.equal(riddles.exec(of('en-US'))?.[0], undefined);
  });

  it('come with a white icon of 40 x 60 for each node of the palette', () => {
    for (const type of TYPES) {
      const svg = fs.readFileSync(path.join(NODES, '..', 'icons', `${type}.svg`), 'utf8');
      assert.match(svg, /^<svg [^>]*width="40" height="60"/);
      assert.deepEqual([...new Set(svg.match(/#[0-9a-f]{3,6}\b/gi))], ['#fff'], type);
    }
  });
});
