import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { needs } from '../support/tools.js';
import { launchBrowser, openEditor, startNodeRed, type RunningNodeRed } from './node-red.js';

/** Where screenshots go, for people to look at. */
const SHOTS = process.env.NVR_SCREENSHOTS ?? path.join(os.tmpdir(), 'nvr-screenshots');
const PASSWORD = 'e2e-secret-password';
const EXAMPLE = path.join(__dirname, '..', '..', 'examples', '01 - Live keyframes of a camera.json');

describe('the editor', function () {
  this.timeout(60_000);
  let simulator: Simulator | undefined;
  let nodeRed: RunningNodeRed | undefined;
  let browser: Browser | undefined;

  before(async function () {
    needs(this, 'chromium');
    fs.mkdirSync(SHOTS, { recursive: true });
    simulator = await startSimulator({ username: 'demo', password: PASSWORD });
    const flow = JSON.parse(fs.readFileSync(EXAMPLE, 'utf8')) as { id: string; type: string }[];
    const ported = flow.map((node) =>
      node.type === 'nvr-server' ? { ...node, rtspPort: String(simulator!.rtspPort) } : node,
    );
    const server = flow.find(({ type }) => type === 'nvr-server')!;
    nodeRed = await startNodeRed(ported, { [server.id]: { username: 'demo', password: PASSWORD } });
    browser = await launchBrowser();
  });

  after(async () => {
    await browser?.close();
    await nodeRed?.stop();
    await simulator?.stop();
  });

  async function open(locale?: string): Promise<{ page: Page; errors: string[] }> {
    return openEditor(browser!, nodeRed!.url, locale);
  }

  async function editNode(page: Page, type: string): Promise<void> {
    await page.evaluate((wanted) => {
      const { RED } = window as unknown as {
        RED: { nodes: { filterNodes(f: object): object[] }; editor: { edit(node: object): void } };
      };
      RED.editor.edit(RED.nodes.filterNodes({ type: wanted })[0]!);
    }, type);
    await page.waitForSelector('.red-ui-tray-body .form-row', { timeout: 10_000 });
    await page.waitForTimeout(400);
  }

  it('shows the nodes in the category NVR, and the running flow', async () => {
    const { page, errors } = await open();
    assert.equal(
      await page
        .locator('#red-ui-palette-NVR .red-ui-palette-node[data-palette-type="nvr-live-stream"]')
        .count(),
      1,
    );
    await page.waitForFunction(() => document.body.innerText.includes('playing'), undefined, {
      timeout: 20_000,
    });
    await page.waitForFunction(() => document.body.innerText.includes('640 x 360'), undefined, {
      timeout: 20_000,
    });
    await page.screenshot({ path: path.join(SHOTS, 'flow.png') });
    assert.deepEqual(errors, []);
    await page.context().close();
  });

  it('opens the live-stream dialog, in English and in German', async () => {
    for (const [locale, label] of [
      ['en-US', 'every NAL unit'],
      ['de', 'jede NAL-Einheit'],
    ] as const) {
      const { page, errors } = await open(locale);
      await editNode(page, 'nvr-live-stream');
      const text = await page.locator('.red-ui-tray-body').innerText();
      const options = await page.locator('#node-input-emit').innerText();
      assert.ok(options.includes(label), options);
      assert.ok(!/\b(label|emit|stream|hint)\.\w+/.test(text), `untranslated: ${text}`);
      await page.screenshot({ path: path.join(SHOTS, `live-stream-${locale}.png`) });
      assert.deepEqual(errors, []);
      await page.context().close();
    }
  });

  it('opens the NVR’s dialog, and marks a port that is none', async () => {
    const { page, errors } = await open();
    await editNode(page, 'nvr-live-stream');
    await page.locator('#node-input-lookup-nvr, #node-input-btn-nvr-edit').last().click();
    await page.waitForSelector('#node-config-input-rtspPort', { state: 'visible' });
    await page.waitForTimeout(400);
    const text = await page.locator('.red-ui-tray').last().innerText();
    assert.ok(!/\b(label|section|hint|transport|uriStyle)\.\w+/.test(text), `untranslated: ${text}`);
    assert.equal(await page.locator('#node-config-input-password').inputValue(), '__PWRD__');
    await page.screenshot({ path: path.join(SHOTS, 'nvr-server.png') });
    await page.fill('#node-config-input-rtspPort', '99999');
    await page.locator('#node-config-input-rtspPort').blur();
    await page.waitForSelector('#node-config-input-rtspPort.input-error');
    assert.equal(await page.locator('.nvr-custom').isVisible(), false);
    await page.selectOption('#node-config-input-uriStyle', 'custom');
    assert.equal(await page.locator('.nvr-custom').isVisible(), true);
    await page.screenshot({ path: path.join(SHOTS, 'nvr-server-custom.png') });
    assert.deepEqual(errors, []);
    await page.context().close();
  });

  it('saves what the dialog says: controlled by messages gives the node an input', async () => {
    const { page } = await open();
    await editNode(page, 'nvr-live-stream');
    await page.check('#nvr-live-controlled');
    await page.locator('#node-dialog-ok').click();
    const inputs = await page.waitForFunction(() => {
      const { RED } = window as unknown as {
        RED: { nodes: { filterNodes(f: object): { inputs: unknown }[] } };
      };
      const value = RED.nodes.filterNodes({ type: 'nvr-live-stream' })[0]!.inputs;
      return Number(value) === 1;
    });
    assert.equal(await inputs.jsonValue(), true);
    await page.context().close();
  });

  it('exports a flow without the password', async () => {
    const { page } = await open();
    const exported = await page.evaluate(() => {
      const { RED } = window as unknown as {
        RED: { nodes: { createCompleteNodeSet(o?: object): object[] } };
      };
      return JSON.stringify(RED.nodes.createCompleteNodeSet({ credentials: false }));
    });
    assert.ok(exported.includes('nvr-server') && !exported.includes(PASSWORD));
    const served = await (await fetch(`${nodeRed!.url}/flows`)).text();
    assert.ok(served.includes('nvr-server') && !served.includes(PASSWORD));
    assert.ok(!nodeRed!.log().includes(PASSWORD));
    await page.context().close();
  });
});
