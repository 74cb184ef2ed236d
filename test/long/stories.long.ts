// What a new user wants, done in the real editor with mouse and keyboard, and in how many actions.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { launchBrowser, openEditor, startNodeRed, type RunningNodeRed } from '../kit/node-red.js';
import { startMailSink } from '../kit/mail-sink.js';
import { needs } from '../kit/tools.js';

const SHOTS = process.env.NVR_SCREENSHOTS ?? path.join(os.tmpdir(), 'nvr-screenshots');
const ACCOUNT = { username: 'demo', password: 'stories/secret?' };
const EXAMPLE = '08 - Alarm clip by e-mail';

interface Editor {
  RED: { nodes: { filterNodes(filter: object): { id: string }[] } };
}

/** A user at the editor; each click, drag, entry and key is counted. */
class User {
  actions = 0;

  constructor(readonly page: Page) {}

  async act(run: () => Promise<unknown>): Promise<void> {
    await run();
    this.actions++;
    // Trays slide in, and two quick clicks would be a double click.
    await this.page.waitForTimeout(600);
  }

  click(what: Locator | string): Promise<void> {
    return this.act(() => this.found(what).click());
  }

  enter(what: Locator | string, text: string): Promise<void> {
    return this.act(() => this.found(what).fill(text));
  }

  choose(what: string, value: string): Promise<void> {
    return this.act(() => this.page.selectOption(what, value));
  }

  open(node: Locator): Promise<void> {
    return this.act(() => node.dblclick());
  }

  /** Drags a node out of the palette. */
  async drag(type: string, x: number, y: number): Promise<Locator> {
    const palette = this.page.locator(`.red-ui-palette-node[data-palette-type="${type}"]`);
    await palette.scrollIntoViewIfNeeded();
    await this.act(() =>
      palette.dragTo(this.page.locator('#red-ui-workspace-chart'), { targetPosition: { x, y } }),
    );
    return this.node(type);
  }

  /** The only node of a type. */
  async node(type: string): Promise<Locator> {
    const id = await this.page.evaluate(
      (wanted) => (window as unknown as Editor).RED.nodes.filterNodes({ type: wanted })[0]!.id,
      type,
    );
    return this.page.locator(`[id="${id}"]`);
  }

  async wire(from: Locator, to: Locator): Promise<void> {
    const output = (await from.locator('.red-ui-flow-port-output').first().boundingBox())!;
    const input = (await to.locator('.red-ui-flow-port-input').boundingBox())!;
    await this.act(async () => {
      const { mouse } = this.page;
      await mouse.move(output.x + 5, output.y + 5);
      await mouse.down();
      await mouse.move(input.x - 15, input.y + 5, { steps: 5 });
      await mouse.move(input.x + 5, input.y + 5, { steps: 5 });
      await mouse.up();
    });
  }

  /** In the open dialog of a node: `+`, the NVR's URL, and what else is to be done in the NVR's dialog. */
  async addNvr(uri: string, further: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    await this.click(this.page.locator('#node-input-btn-nvr-add, #node-input-lookup-nvr').first());
    await this.paste('#node-config-input-host', uri);
    await further();
    await this.click('#node-config-dialog-ok');
  }

  async paste(what: string, text: string): Promise<void> {
    await this.page.evaluate((copied) => navigator.clipboard.writeText(copied), text);
    await this.act(async () => {
      await this.page.locator(what).fill('');
      await this.page.locator(what).focus();
      await this.page.keyboard.press('Control+V');
    });
  }

  done(): Promise<void> {
    return this.click('#node-dialog-ok');
  }

  async deploy(): Promise<void> {
    await this.click('#red-ui-header-button-deploy');
    await this.page.locator('#red-ui-header-button-deploy.disabled').waitFor();
  }

  press(inject: Locator): Promise<void> {
    return this.click(inject.locator('.red-ui-flow-node-button-button'));
  }

  badge(node: Locator, text: RegExp): Promise<void> {
    return node
      .locator('.red-ui-flow-node-status-label', { hasText: text })
      .waitFor({ timeout: 60_000, state: 'attached' });
  }

  private found(what: Locator | string): Locator {
    return typeof what === 'string' ? this.page.locator(what).last() : what;
  }
}

describe('the stories of a new user', function () {
  this.timeout(180_000);
  let simulator: Simulator;
  let nodeRed: RunningNodeRed | undefined;
  let browser: Browser;
  let errors: string[];
  const uri = (): string => `rtsp://${ACCOUNT.username}:${ACCOUNT.password}@127.0.0.1:${simulator.rtspPort}/`;

  before(async function () {
    needs(this, 'chromium', 'ffprobe');
    fs.mkdirSync(SHOTS, { recursive: true });
    simulator = await startSimulator({ ...ACCOUNT, channels: 8, recordingHours: 48, onvifReplay: true });
    browser = await launchBrowser();
  });

  after(async () => {
    await browser.close();
    await simulator.stop();
  });

  async function begin(packages: string[] = []): Promise<User> {
    const beside = [{ id: 'a1f0c0de00000001', type: 'tab', label: 'Flow 1' }];
    nodeRed = await startNodeRed(beside, {}, {}, packages);
    const editor = await openEditor(browser, nodeRed.url);
    await editor.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    ({ errors } = editor);
    return new User(editor.page);
  }

  async function end(user: User, name: string, actions: number): Promise<void> {
    await user.page.screenshot({ path: path.join(SHOTS, `story ${name}.png`) });
    assert.deepEqual(errors, []);
    assert.ok(user.actions <= actions, `${user.actions} actions, where ${actions} were enough`);
    const log = nodeRed!.log() + fs.readFileSync(path.join(nodeRed!.folder, 'flows.json'), 'utf8');
    assert.ok(!log.includes(ACCOUNT.password));
  }

  afterEach(async function () {
    const [page] = browser.contexts()[0]?.pages() ?? [];
    if (this.currentTest?.state === 'failed')
      await page?.screenshot({
        path: path.join(SHOTS, `story that failed ${this.currentTest.title.slice(0, 14)}.png`),
      });
    for (const context of browser.contexts()) for (const page of context.pages()) await page.close();
    await nodeRed?.stop();
    nodeRed = undefined;
  });

  it('sees how eight cameras are, in 10 actions', async () => {
    const user = await begin();
    const health = await user.drag('nvr-health-ping', 300, 200);
    await user.open(health);
    await user.addNvr(uri(), async () => {
      await user.click('#red-ui-tab-nvr-tab-cameras a');
      await user.click('.nvr-find');
      await user.page.waitForFunction(() => document.querySelectorAll('.nvr-channel').length === 8);
    });
    await user.enter('#node-input-channel-field', '*');
    await user.done();
    await user.deploy();
    await user.badge(health, /8/);
    await end(user, 'eight cameras', 10);
  });

  it('has yesterday’s two minutes as a file, in 13 actions', async () => {
    const user = await begin();
    const inject = await user.drag('inject', 150, 200);
    const playback = await user.drag('nvr-playback', 400, 200);
    await user.wire(inject, playback);
    await user.open(playback);
    await user.addNvr(uri(), async () => {
      // An NVR's is 80, and nothing to enter.
      await user.page.fill('#node-config-input-httpPort', String(simulator.httpPort));
    });
    await user.enter('#node-input-from-field', '-1d');
    await user.enter('#node-input-duration-field', '2m');
    await user.choose('#node-input-output', 'file');
    await user.done();
    await user.deploy();
    await user.press(inject);
    // Where the user has named no folder.
    const folder = path.join(nodeRed!.folder, 'nvr-clips');
    let files: string[] = [];
    while (files.length === 0) {
      await user.page.waitForTimeout(200);
      const all = !fs.existsSync(folder) ? [] : fs.readdirSync(folder, { recursive: true, encoding: 'utf8' });
      files = all.filter((name) => name.endsWith('.mp4'));
    }
    await user.badge(playback, /idle/);
    assert.equal(files.length, 1);
    const told = execFileSync('ffprobe', [
      ...['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', path.join(folder, files[0]!)],
    ]);
    assert.ok(Math.abs(Number(told.toString()) - 120) < 1.5, told.toString());
    await end(user, 'yesterday', 13);
  });

  it('has a picture of the camera that a message names, in 16 actions', async () => {
    const user = await begin();
    const inject = await user.drag('inject', 150, 200);
    const snapshot = await user.drag('nvr-snapshot', 400, 200);
    const debug = await user.drag('debug', 650, 200);
    await user.wire(inject, snapshot);
    await user.wire(snapshot, debug);
    await user.open(snapshot);
    await user.addNvr(uri());
    await user.done();
    await user.open(inject);
    // The second property is the topic.
    const topic = user.page.locator('#node-input-property-container li').nth(1);
    await user.enter(topic.locator('input.red-ui-typedInput-input').first(), 'channel');
    await user.enter(topic.locator('input.red-ui-typedInput-input').last(), '3');
    await user.done();
    await user.deploy();
    simulator.requests.length = 0;
    await user.press(inject);
    await user.page
      .locator('.red-ui-debug-msg', { hasText: 'buffer[' })
      .waitFor({ state: 'attached', timeout: 60_000 });
    const asked = simulator.requests.filter((line) => line.startsWith('DESCRIBE'));
    assert.ok(asked.length > 0 && asked.every((line) => line.includes('ch=0002')), asked.join());
    await end(user, 'msg.channel', 16);
  });

  it('gets an alarm’s clip by e-mail: an example and two edits, in 20 actions', async () => {
    const sink = await startMailSink();
    try {
      const user = await begin(['node-red-node-email']);
      await user.act(() => user.page.keyboard.press('Control+I'));
      await user.click('#red-ui-tab-red-ui-clipboard-dialog-import-tab-examples a');
      await user.click(user.page.getByText('@nvr-flow/node-red-mobotix-nvr').last());
      await user.click(user.page.getByText(EXAMPLE).last());
      await user.click('#red-ui-clipboard-dialog-ok');
      await user.click(
        user.page.locator('.red-ui-workspace-tabs, #red-ui-workspace-tabs').getByText(EXAMPLE),
      );
      await user.open(await user.node('nvr-record'));
      await user.click(user.page.locator('#node-input-btn-nvr-edit, #node-input-lookup-nvr').last());
      await user.paste('#node-config-input-host', uri());
      await user.click('#node-config-dialog-ok');
      await user.done();
      await user.open(await user.node('e-mail'));
      await user.enter('#node-input-name', 'me@example.com');
      await user.enter('#node-input-server', '127.0.0.1');
      await user.enter('#node-input-port', String(sink.port));
      // This server has neither TLS nor accounts; another has an account and a password to enter.
      await user.choose('#node-input-authtype', 'NONE');
      await user.act(() => user.page.uncheck('#node-input-secure'));
      await user.done();
      await user.deploy();
      await user.press(await user.node('inject'));
      while (sink.mails.length === 0) await user.page.waitForTimeout(200);
      const [mail = ''] = sink.mails;
      assert.match(mail, /^To: me@example\.com/m);
      assert.match(mail, /filename=.*\.mp4/);
      await end(user, 'e-mail', 20);
    } finally {
      await sink.stop();
    }
  });
});
