import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { itLong } from '../kit/cases.js';
import { needs } from '../kit/tools.js';
import { launchBrowser, openEditor, startNodeRed, type RunningNodeRed } from '../kit/node-red.js';

/** Where screenshots go, for people to look at. */
const SHOTS = process.env.NVR_SCREENSHOTS ?? path.join(os.tmpdir(), 'nvr-screenshots');
const PASSWORD = 'e2e-secret-password';
const EXAMPLE = path.join(
  __dirname,
  '..',
  '..',
  'examples',
  '20 - Live keyframes as buffers (advanced).json',
);

interface NodeOfEditor {
  id: string;
  type: string;
}

/** One of the three parts of the NVR's dialog. */
async function showTab(page: Page, name: 'connection' | 'cameras' | 'advanced'): Promise<void> {
  // Two clicks within 400 ms are a double click to the editor, on whichever tabs they are.
  await page.waitForTimeout(450);
  await page.locator(`#red-ui-tab-nvr-tab-${name} a`).first().click();
  await page.waitForSelector(`#nvr-tab-${name}`, { state: 'visible' });
}

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
    const live = flow.find(({ type }) => type === 'nvr-live-stream')!;
    const bad = { ...live, id: 'a1f0c0de000000bb', channel: 'x', x: 150, y: 300, wires: [[], []] };
    nodeRed = await startNodeRed([...ported, bad], { [server.id]: { username: 'demo', password: PASSWORD } });
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
        RED: {
          nodes: { filterNodes(f: object): object[]; eachConfig(f: (node: NodeOfEditor) => void): void };
          editor: { edit(node: object): void; editConfig(name: string, type: string, id: string): void };
        };
      };
      const found = RED.nodes.filterNodes({ type: wanted })[0];
      if (found !== undefined) RED.editor.edit(found);
      else
        RED.nodes.eachConfig((node) => {
          if (node.type === wanted) RED.editor.editConfig('', wanted, node.id);
        });
    }, type);
    await page.waitForSelector('.red-ui-tray-body .form-row', { timeout: 30_000 });
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
    await page.close();
  });

  itLong('opens the live-stream dialog, in English and in German', async () => {
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
      await page.close();
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
    await showTab(page, 'cameras');
    assert.equal(await page.locator('.nvr-custom').isVisible(), false);
    await page.selectOption('#node-config-input-uriStyle', 'custom');
    assert.equal(await page.locator('.nvr-custom').isVisible(), true);
    await page.screenshot({ path: path.join(SHOTS, 'nvr-server-custom.png') });
    assert.deepEqual(errors, []);
    await page.close();
  });

  itLong('opens the NVR’s dialog in German, and marks a time zone and a channel that are none', async () => {
    const { page, errors } = await open('de');
    await editNode(page, 'nvr-server');
    let text = '';
    for (const name of ['connection', 'cameras', 'advanced'] as const) {
      await showTab(page, name);
      text += await page.locator('.red-ui-tray').last().innerText();
      await page.screenshot({ path: path.join(SHOTS, `nvr-server-de-${name}.png`) });
    }
    assert.ok(text.includes('Kanalzählung beginnt bei') && text.includes('Zeitzone'));
    assert.ok(
      !/\b(label|section|hint|transport|uriStyle|firstChannel)\.\w+/.test(text),
      `untranslated: ${text}`,
    );
    await page.fill('#node-config-input-timeZone', 'Mars/Base');
    await page.locator('#node-config-input-timeZone').blur();
    await page.waitForSelector('#node-config-input-timeZone.input-error');
    await page.fill('#node-config-input-timeZone', 'Europe/Berlin');
    await page.locator('#node-config-input-timeZone').blur();
    await page.waitForSelector('#node-config-input-timeZone:not(.input-error)');
    await showTab(page, 'cameras');
    await page.locator('.nvr-channel').first().fill('x');
    await page.locator('.nvr-channel').first().blur();
    await page.waitForSelector('.nvr-channel.input-error');
    await page.screenshot({ path: path.join(SHOTS, 'nvr-server-de.png') });
    assert.deepEqual(errors, []);
    await page.close();
  });

  itLong('tells in the editor’s language which setting a badge is about', async () => {
    const { page } = await open('de');
    await page.waitForFunction(() => document.body.innerText.includes('Kanal ungültig'), undefined, {
      timeout: 20_000,
    });
    await page.waitForFunction(() => document.body.innerText.includes('läuft'), undefined, {
      timeout: 20_000,
    });
    await page.screenshot({ path: path.join(SHOTS, 'flow-de.png') });
    await page.close();
  });

  itLong('marks a channel that is none, and takes a number, a name of the table or a variable', async () => {
    const { page } = await open();
    await editNode(page, 'nvr-live-stream');
    for (const [channel, good] of [
      ['x', false],
      ['gate', true],
      ['0', false],
      ['12', true],
      // Channel 1, as its placeholder says.
      ['', true],
      ['${CHANNEL}', true],
    ] as const) {
      await page.fill('#node-input-channel-field', channel);
      await page.locator('#node-input-channel-field').blur();
      await page.waitForSelector(
        `#node-input-channel + .red-ui-typedInput-container${good ? ':not(.input-error)' : '.input-error'}`,
      );
    }
    await page.close();
  });

  itLong(
    'gives the live-stream node its third output with the NVR’s audio setting, and takes it back',
    async () => {
      const { page, errors } = await open();
      const outputs = (): Promise<number[]> =>
        page.evaluate(() => {
          const { RED } = window as unknown as {
            RED: { nodes: { filterNodes(f: object): { outputs: number }[] } };
          };
          return RED.nodes.filterNodes({ type: 'nvr-live-stream' }).map((node) => node.outputs);
        });
      assert.deepEqual(await outputs(), [2, 2]);
      await editNode(page, 'nvr-server');
      await showTab(page, 'advanced');
      await page.check('#node-config-input-audio');
      await page.locator('#node-config-dialog-ok').click();
      await page.waitForSelector('#node-config-input-audio', { state: 'detached' });
      assert.deepEqual(await outputs(), [3, 3]);
      await page.waitForFunction(() => document.querySelectorAll('.red-ui-flow-port-output').length >= 6);
      await page.screenshot({ path: path.join(SHOTS, 'third-output.png') });
      await page.evaluate(() => {
        const { RED } = window as unknown as { RED: { history: { pop(): void } } };
        RED.history.pop();
        RED.history.pop();
      });
      assert.deepEqual(await outputs(), [2, 2]);
      assert.deepEqual(errors, []);
      await page.close();
    },
  );

  it('shows names from a flow as text, never as HTML', async () => {
    const { page, errors } = await open();
    await page.evaluate(() => {
      const evil = '<img src=x onerror="window.ran = true">';
      const { RED } = window as unknown as {
        RED: {
          nodes: {
            filterNodes(f: object): Record<string, unknown>[];
            eachConfig(f: (node: Record<string, unknown>) => void): void;
          };
          view: { redraw(all: boolean): void };
        };
      };
      RED.nodes.filterNodes({ type: 'nvr-live-stream' })[0]!.name = evil;
      RED.nodes.eachConfig((node) => {
        if (node.type === 'nvr-server')
          Object.assign(node, { name: evil, channels: [{ channel: 1, name: evil }] });
      });
      RED.view.redraw(true);
    });
    await editNode(page, 'nvr-live-stream');
    await page.locator('#node-input-lookup-nvr, #node-input-btn-nvr-edit').last().click();
    await page.waitForSelector('#node-config-input-rtspPort', { state: 'visible' });
    await page.waitForTimeout(400);
    assert.equal(await page.evaluate(() => 'ran' in window), false);
    assert.equal(
      await page.locator('.nvr-channel-name').inputValue(),
      '<img src=x onerror="window.ran = true">',
    );
    assert.deepEqual(errors, []);
    await page.close();
  });

  itLong('saves what the dialog says: controlled by messages gives the node an input', async () => {
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
    await page.close();
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
    await page.close();
  });
});
