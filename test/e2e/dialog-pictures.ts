// Takes a picture of every dialog, light and dark, in English and in German: `npm run pictures:dialogs`, for
// people to look at before a release. They go to NVR_SCREENSHOTS; NODE_RED_HOME names another Node-RED than
// this package's own. Node-RED 5 has a dark look of its own; an older one is given the style sheet that
// NVR_DARK_CSS names, and stays light without one.

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { SETTINGS_VERSION } from '../../nodes/shared/settings/migrations.js';
import { defaultsOf } from '../../nodes/shared/settings/read.js';
import { TABLES } from '../../nodes/shared/settings/tables/index.js';
import { launchBrowser, openDialog, openEditor, startNodeRed } from '../kit/node-red.js';

const SHOTS = process.env.NVR_SCREENSHOTS ?? path.join(os.tmpdir(), 'nvr-screenshots');
const ACCOUNT = { username: 'demo', password: 'demo-password' };

/** What is chosen in a dialog before its picture is taken, by the picture's name. */
const VARIANTS: Readonly<Record<string, Readonly<Record<string, object>>>> = {
  'nvr-record': {
    alarm: {},
    continuous: { mode: 'continuous' },
    timelapse: { mode: 'timelapse' },
  },
  'nvr-playback': {
    units: { from: '-5m', duration: '90s' },
    file: { output: 'file', from: 'payload.from', fromType: 'msg', to: 'CLIP_END', toType: 'env' },
  },
};

function flowOf({ rtspPort, httpPort }: Simulator): object[] {
  const server = {
    ...defaultsOf(TABLES['nvr-server']!),
    ...{ id: 'nvr', type: 'nvr-server', name: 'Warehouse', host: '127.0.0.1', version: SETTINGS_VERSION },
    ...{ rtspPort: String(rtspPort), httpPort: String(httpPort) },
    channels: [
      { channel: 1, name: 'Gate' },
      { channel: 2, name: 'Loading bay' },
    ],
  };
  const nodes = Object.entries(TABLES)
    .filter(([type]) => type !== 'nvr-server')
    .flatMap(([type, table]) =>
      Object.entries(VARIANTS[type] ?? { '': {} }).map(([name, chosen]) => ({
        ...defaultsOf(table),
        ...{ id: idOf(type, name), type, z: 'tab', nvr: 'nvr', version: SETTINGS_VERSION },
        ...{ x: 200, y: 100, wires: [] },
        ...chosen,
      })),
    );
  return [{ id: 'tab', type: 'tab', label: 'Flow 1' }, server, ...nodes];
}

function idOf(type: string, name: string): string {
  return name === '' ? type : `${type}-${name}`;
}

async function close(page: Page): Promise<void> {
  await page.locator('#node-dialog-cancel, #node-config-dialog-cancel').last().click();
  await page.locator('.red-ui-tray').waitFor({ state: 'detached' });
  await page.waitForTimeout(400);
}

async function look(browser: Browser, url: string, ids: readonly string[], locale: string, dark: boolean) {
  const { page, errors } = await openEditor(browser, url, locale);
  await page.setViewportSize({ width: 1400, height: 1250 });
  const css = process.env.NVR_DARK_CSS;
  if (dark && css !== undefined) await page.addStyleTag({ path: css });
  if (dark)
    await page.evaluate(() => {
      document.documentElement.classList.add('nr-theme-dark');
    });
  const shoot = (name: string): Promise<unknown> =>
    page
      .locator('.red-ui-tray')
      .last()
      .screenshot({ path: path.join(SHOTS, `${name} ${locale} ${dark ? 'dark' : 'light'}.png`) });
  for (const id of ids) {
    await openDialog(page, id);
    await page.locator('[id$="-test"] button').first().click();
    await page.locator('img.nvr-test-picture').waitFor({ timeout: 20_000 });
    await page.waitForTimeout(300);
    await shoot(id);
    await close(page);
  }
  await openDialog(page, 'nvr');
  for (const tab of ['connection', 'cameras', 'advanced']) {
    await page.locator(`#red-ui-tab-nvr-tab-${tab} a`).first().click();
    // Two clicks within 400 ms are a double click to the editor, on whichever tabs they are.
    await page.waitForTimeout(450);
    const find = page.locator('.nvr-find');
    if (tab === 'cameras') {
      await find.click();
      await page.locator('.nvr-find:not(.disabled)').waitFor({ timeout: 30_000 });
    }
    await shoot(`nvr-server-${tab}`);
  }
  await page.locator(`#red-ui-tab-nvr-tab-cameras a`).first().click();
  await page.selectOption('#node-config-input-uriStyle', 'custom');
  await page.waitForTimeout(450);
  await shoot('nvr-server-custom');
  if (errors.length > 0) throw new Error(errors.join('\n'));
  await page.context().close();
}

async function main(): Promise<void> {
  fs.mkdirSync(SHOTS, { recursive: true });
  const simulator = await startSimulator(ACCOUNT);
  const flow = flowOf(simulator);
  const nodeRed = await startNodeRed(flow, { nvr: ACCOUNT });
  const browser = await launchBrowser();
  try {
    const ids = flow.map((node) => (node as { id: string }).id).filter((id) => id.startsWith('nvr-'));
    for (const locale of ['en-US', 'de'])
      for (const dark of [false, true]) await look(browser, nodeRed.url, ids, locale, dark);
  } finally {
    await browser.close();
    await nodeRed.stop();
    await simulator.stop();
  }
}

void main();
