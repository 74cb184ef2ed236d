import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { EvidenceResult } from '../../lib/nvr/evidence/evidence.js';
import { EPOCH, EvidenceRig, manifestOf } from '../kit/evidence-rig.js';
import { needs } from '../kit/tools.js';
import { launchBrowser } from '../kit/node-red.js';

/** Seconds in Berlin, of the tests' year. */
const clock = (time: number): string =>
  new Intl.DateTimeFormat('sv-SE', {
    timeZone: 'Europe/Berlin',
    ...{ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' },
    second: '2-digit',
  }).format(time);

describe('the page that checks an export, in Chromium', function () {
  this.timeout(60_000);
  let browser: Browser | undefined;
  let rig: EvidenceRig | undefined;
  let result: EvidenceResult;

  before(async function () {
    needs(this, 'chromium');
    browser = await launchBrowser();
    rig = new EvidenceRig();
    await rig.record();
    result = await rig.export();
  });

  after(async () => {
    await browser?.close();
    await rig?.close();
  });

  interface Told {
    readonly result: string | undefined;
    readonly findings: string[];
    readonly means: string;
  }

  async function told(page: Page, files: string | string[]): Promise<Told> {
    await page.setInputFiles(Array.isArray(files) ? '#files' : '#folder', files);
    await page.locator('body[data-result]:not([data-result="working"])').waitFor();
    return page.evaluate(() => ({
      result: document.body.dataset.result,
      findings: [...document.querySelectorAll('#findings li')].map(({ textContent }) => textContent),
      means: document.querySelector('#means')?.textContent ?? '',
    }));
  }

  /** Opens the export's own page as a file, and hands it a folder. */
  async function check(files: string | string[], script?: string, locale = 'en-US'): Promise<Told> {
    const context: BrowserContext = await browser!.newContext({ locale, offline: true });
    try {
      const page = await context.newPage();
      if (script !== undefined) await page.addInitScript(script);
      await page.goto(pathToFileURL(path.join(result.folder, 'verify.html')).href);
      return await told(page, files);
    } finally {
      await context.close();
    }
  }

  /** A copy in which something was done. */
  function tampered(change: (folder: string) => void): string {
    const copy = fs.mkdtempSync(path.join(rig!.userDir, 'copy-'));
    fs.cpSync(result.folder, copy, { recursive: true });
    change(copy);
    return copy;
  }

  function flip(file: string, at: number): void {
    const bytes = fs.readFileSync(file);
    bytes[at]! ^= 1;
    fs.writeFileSync(file, bytes);
  }

  const NONE = 'Object.defineProperty(globalThis.crypto, "subtle", { value: undefined });';
  const NO_ED25519 =
    'crypto.subtle.importKey = () => Promise.reject(new DOMException("none", "NotSupportedError"));';

  for (const [what, script, means] of [
    ['by the browser’s own cryptography', undefined, /^Hashes and signature .*browser’s own/],
    ['without Ed25519 in the browser', NO_ED25519, /^The signature .*JavaScript/],
    ['without any cryptography in the browser', NONE, /^Hashes and signature .*JavaScript/],
  ] as const)
    it(`says that it is whole, ${what}`, async () => {
      const seen = await check(result.folder, script);
      assert.deepEqual({ result: seen.result, findings: seen.findings }, { result: 'whole', findings: [] });
      assert.match(seen.means, means);
    });

  it('takes the files one by one too, and speaks German', async () => {
    const files = fs.readdirSync(result.folder).map((name) => path.join(result.folder, name));
    const seen = await check(files, undefined, 'de-DE');
    assert.equal(seen.result, 'whole');
    assert.match(seen.means, /^Hashes und Signatur/);
  });

  for (const script of [undefined, NONE])
    it(`names the second of a flipped bit${script === undefined ? '' : ', without cryptography in the browser'}`, async () => {
      const { files } = manifestOf(result);
      const [, file] = files;
      const span = file!.spans.find(({ at }) => at !== undefined && at >= 2000)!;
      const copy = tampered((folder) => {
        flip(path.join(folder, file!.name), span.offset + (span.bytes >> 1));
      });
      const seen = await check(copy, script);
      assert.equal(seen.result, 'changed');
      assert.equal(seen.findings.length, 1);
      const second = clock(file!.start + span.at!);
      assert.equal(second, clock(EPOCH + 16_000));
      assert.ok(seen.findings[0]!.startsWith(`${file!.name} was changed at ${second}`), seen.findings[0]);
    });

  it('names a file that is missing, one that is cut off, one that has grown, and one that is unknown', async () => {
    const { files } = manifestOf(result);
    const [first, second, third] = files;
    const copy = tampered((folder) => {
      fs.rmSync(path.join(folder, first!.name));
      const cut = path.join(folder, second!.name);
      const last = second!.spans.findLast(({ at }) => at !== undefined)!;
      fs.truncateSync(cut, last.offset + 10);
      fs.appendFileSync(path.join(folder, third!.name), 'more');
      fs.writeFileSync(path.join(folder, 'other.mp4'), 'x');
    });
    const seen = await check(copy);
    assert.equal(seen.result, 'changed');
    const [missing, short, long, unknown] = seen.findings;
    assert.ok(missing!.startsWith(`${first!.name} is missing: ${clock(first!.start)}`), missing);
    assert.ok(short!.startsWith(`${second!.name} ends too early`), short);
    assert.ok(long!.startsWith(`${third!.name} is longer`), long);
    assert.match(unknown!, /^other\.mp4 is not in the manifest/);
  });

  for (const script of [undefined, NONE])
    it(`does not believe a manifest that was changed${script === undefined ? '' : ', without cryptography in the browser'}`, async () => {
      const copy = tampered((folder) => {
        const file = path.join(folder, 'manifest.json');
        fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('"Gate"', '"Yard"'));
      });
      assert.equal((await check(copy, script)).result, 'unsigned');
    });

  it('says so where there is no manifest', async () => {
    const copy = tampered((folder) => {
      fs.rmSync(path.join(folder, 'manifest.json'));
    });
    assert.equal((await check(copy)).result, 'none');
  });

  it('has SHA-2 and Ed25519 of its own that agree with OpenSSL', async () => {
    const page = await browser!.newPage();
    await page.goto(pathToFileURL(path.join(result.folder, 'verify.html')).href);
    const sizes = [0, 1, 55, 56, 63, 64, 111, 112, 127, 128, 1000];
    const own = await page.evaluate(
      `(${JSON.stringify(sizes)}).map((size) => {
        const data = Uint8Array.from({ length: size }, (_, index) => index * 7);
        return [hex(sha256(data)), hex(sha512(data))];
      })`,
    );
    const expected = sizes.map((size) => {
      const data = Uint8Array.from({ length: size }, (_, index) => index * 7);
      return ['sha256', 'sha512'].map((name) => createHash(name).update(data).digest('hex'));
    });
    assert.deepEqual(own, expected);
    const signatures = Array.from({ length: 5 }, (_, index) => {
      const { publicKey, privateKey } = generateKeyPairSync('ed25519');
      const message = Buffer.alloc(index * 50, index);
      const { x = '' } = publicKey.export({ format: 'jwk' });
      return [[...Buffer.from(x, 'base64url')], [...sign(null, message, privateKey)], [...message]];
    });
    const verdicts = await page.evaluate(
      `(${JSON.stringify(signatures)}).flatMap(([key, signature, message]) => {
        const parts = [key, signature, message].map((bytes) => Uint8Array.from(bytes));
        const wrong = [0, 31, 32, 63].map((at) => {
          const changed = parts[1].slice();
          changed[at] ^= 1;
          return ed25519(parts[0], changed, parts[2]);
        });
        return [ed25519(...parts), ...wrong];
      })`,
    );
    assert.deepEqual(
      verdicts,
      signatures.flatMap(() => [true, false, false, false, false]),
    );
    await page.close();
  });
});
