import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { some } from '../kit/cases.js';
import { needs } from '../kit/tools.js';
import { launchBrowser, openEditor, startNodeRed, type RunningNodeRed } from '../kit/node-red.js';

const TYPES = fs
  .readdirSync(path.join(__dirname, '..', '..', 'nodes'))
  .filter((name) => name.endsWith('.html'))
  .map((name) => path.basename(name, '.html'));

interface Editor {
  RED: { sidebar: { help: { show(type: string, bringToFront: boolean): void } } };
}

describe('the help in the sidebar', function () {
  this.timeout(60_000);
  let nodeRed: RunningNodeRed | undefined;
  let browser: Browser | undefined;

  before(async function () {
    needs(this, 'chromium');
    nodeRed = await startNodeRed([{ id: 'tab', type: 'tab', label: 'tab' }]);
    browser = await launchBrowser();
  });

  after(async () => {
    await browser?.close();
    await nodeRed?.stop();
  });

  for (const locale of some(['de', 'en-US'], 1))
    it(`fits its width in ${locale}: no code, table or list is cut off, and no text is empty`, async () => {
      const { page, errors } = await openEditor(browser!, nodeRed!.url, locale);
      for (const type of TYPES) {
        await page.evaluate((shown) => {
          (window as unknown as Editor).RED.sidebar.help.show(shown, true);
        }, type);
        await page.waitForFunction(
          (shown) =>
            [...document.querySelectorAll('.red-ui-help')].some(
              (help) => help.clientWidth > 0 && help.textContent.length > 100 && shown !== '',
            ),
          type,
        );
        const found = await page.evaluate(() => {
          const help = [...document.querySelectorAll<HTMLElement>('.red-ui-help')].find(
            (each) => each.clientWidth > 0,
          )!;
          const right = help.getBoundingClientRect().right + 1;
          const all = [...help.querySelectorAll<HTMLElement>('code, table, dl, ul, dt, dd, p, li, td')];
          return {
            width: help.clientWidth,
            wide: all
              .filter((element) => element.getBoundingClientRect().right > right)
              .map((element) => `<${element.tagName.toLowerCase()}> ${element.innerText.slice(0, 60)}`),
            empty: all.filter((element) => element.innerText.trim() === '').length,
            headings: help.querySelectorAll('h3').length,
          };
        });
        assert.ok(found.width > 200 && found.width < 420, `the sidebar is ${found.width} wide`);
        assert.deepEqual(found.wide, [], type);
        assert.equal(found.empty, 0, `${type}: empty texts`);
        assert.ok(found.headings > 0, type);
      }
      assert.deepEqual(errors, []);
      await page.close();
    });
});
