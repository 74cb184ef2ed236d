import assert from 'node:assert/strict';
import type { Browser, Page } from 'playwright-core';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { freePort } from '../../lib/simulator/ports.js';
import { defaultsOf } from '../../nodes/shared/settings/read.js';
import { TABLES } from '../../nodes/shared/settings/tables/index.js';
import { itLong } from '../kit/cases.js';
import { needs } from '../kit/tools.js';
import { launchBrowser, openDialog, openEditor, startNodeRed, type RunningNodeRed } from '../kit/node-red.js';

const ACCOUNT = { username: 'demo', password: 'dialogs-secret' };
const FLOW_TYPES = Object.keys(TABLES).filter((type) => type !== 'nvr-server');

/** The NVR of a flow that 0.1.0 saved: no version, and none of what came since. */
const OLD = {
  ...{ type: 'nvr-server', host: '127.0.0.1', rtspPort: '554', httpPort: '80', tls: false, httpTls: false },
  ...{ transport: 'auto', uriStyle: 'move', liveTemplate: '', playbackTemplate: '', firstChannel: '0' },
  ...{ streamCodes: { main: 'M', dual: 'D' }, channels: [], requestTimeout: '10', silence: '5', linger: '5' },
};

interface Editor {
  RED: {
    nodes: { node(id: string): Record<string, unknown> & { type: string } };
  };
}

async function leave(page: Page, how: 'ok' | 'cancel'): Promise<void> {
  await page.locator(`#node-dialog-${how}, #node-config-dialog-${how}`).last().click();
  await page.locator('.red-ui-tray').waitFor({ state: 'detached' });
}

async function showTab(page: Page, name: 'connection' | 'cameras' | 'advanced'): Promise<void> {
  // Two clicks within 400 ms are a double click to the editor, on whichever tabs they are.
  await page.waitForTimeout(450);
  await page.locator(`#red-ui-tab-nvr-tab-${name} a`).first().click();
  await page.locator(`#nvr-tab-${name}`).waitFor();
}

function valueOf(page: Page, id: string, property: string): Promise<unknown> {
  return page.evaluate(
    ([node, name]) => (window as unknown as Editor).RED.nodes.node(node!)[name!],
    [id, property],
  );
}

/** Controls of the open dialog that a screen reader could not name. */
function nameless(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const body = [...document.querySelectorAll('.red-ui-tray-body form')].at(-1)!;
    const all = [...body.querySelectorAll<HTMLElement>('input, select, textarea, button, a[href]')];
    // A function with a name would be compiled to what the page does not have.
    return (
      all
        // The editor's own, which keep a browser from filling in an account.
        .filter((element) => element.checkVisibility() && !element.id.startsWith('red-ui-trap'))
        .filter((element) => (element.getAttribute('aria-label') ?? element.title) === '')
        .filter((element) => ((element as HTMLInputElement).labels?.length ?? 0) === 0)
        .filter((element) => element.innerText.trim() === '')
        .map((element) => element.outerHTML.slice(0, 200))
    );
  });
}

describe('the dialogs', function () {
  this.timeout(90_000);
  let simulator: Simulator | undefined;
  let nodeRed: RunningNodeRed | undefined;
  let browser: Browser | undefined;
  /** One for all of them: an editor takes seconds to load. */
  let page: Page;
  let errors: string[];

  before(async function () {
    needs(this, 'chromium');
    simulator = await startSimulator({ ...ACCOUNT, channels: 3 });
    const server = {
      ...{ type: 'nvr-server', host: '127.0.0.1', version: 1, requestTimeout: '5' },
      ...{ rtspPort: String(simulator.rtspPort), httpPort: String(simulator.httpPort) },
    };
    const nodes = FLOW_TYPES.map((type, index) => ({
      ...defaultsOf(TABLES[type]!),
      ...{ id: type, type, z: 'tab', nvr: 'nvr', version: 1, x: 150, y: 60 + 50 * index, wires: [] },
    }));
    nodeRed = await startNodeRed(
      [
        { id: 'tab', type: 'tab', label: 'Flow 1' },
        { ...server, id: 'nvr', name: 'Up', channels: [{ channel: 2, name: 'Gate' }] },
        { ...server, id: 'down', name: 'Down', rtspPort: String(await freePort(0)) },
        { ...OLD, id: 'old-utc', name: 'Old', timeZone: '' },
        { ...OLD, id: 'old-zone', name: 'Old zone', timeZone: 'Asia/Tokyo' },
        ...nodes,
      ],
      { nvr: ACCOUNT, down: ACCOUNT },
    );
    browser = await launchBrowser();
    ({ page, errors } = await openEditor(browser, nodeRed.url));
  });

  afterEach(() => {
    assert.deepEqual(errors, []);
  });

  after(async () => {
    await browser?.close();
    await nodeRed?.stop();
    await simulator?.stop();
  });

  it('fill the table with the cameras that are found, and keep the names that were there', async () => {
    await openDialog(page, 'nvr');
    await showTab(page, 'cameras');
    await page.locator('.nvr-find').click();
    await page.waitForFunction(() => document.querySelectorAll('.nvr-channel').length === 3);
    assert.match(await page.locator('#nvr-find').innerText(), /Cameras found: 1, 2, 3/);
    await leave(page, 'ok');
    assert.deepEqual(await valueOf(page, 'nvr', 'channels'), [
      { channel: 2, name: 'Gate' },
      { channel: 1, name: 'Camera 1' },
      { channel: 3, name: 'Camera 3' },
    ]);

    await openDialog(page, 'down');
    await showTab(page, 'cameras');
    await page.locator('.nvr-find').click();
    await page.getByText('nothing listens on this port').waitFor();
    assert.equal(await page.locator('.nvr-channel').count(), 0);
    await leave(page, 'cancel');
  });

  it('split what is pasted as an address, or say below it that nothing can be read, and leave no password there', async () => {
    await openDialog(page, 'down');
    const address = page.locator('#node-config-input-host');
    const field = (name: string): Promise<string> => page.locator(`#node-config-input-${name}`).inputValue();
    for (const [pasted, host, port, account, below] of [
      ['rtsp://me:a/b?c@10.0.0.2:555/stream1', '10.0.0.2', '555', 'me a/b?c', 'rtsp://10.0.0.2:555/stream1'],
      ['ffplay "rtsp://you:pw@cam.local/x?token=abc"', 'cam.local', '554', 'you pw', '/x?token=***'],
      ['http://it:pw2@[fe80::1]:8080/login', 'fe80::1', '554', 'it pw2', 'rtsp://[fe80::1]:554/'],
      ['rtmp://who:pw3@10.0.0.2/live', 'rtmp://10.0.0.2/live', '554', 'who pw3', 'No address can be read'],
      ['rtsp://<ip>/x', '<ip>', '554', 'who pw3', 'No address can be read'],
      ['rtsp://an:pw4@10.0.0.3/live?ch=0002&stype=D', '10.0.0.3', '554', 'an pw4', '/live?ch=0002&stype=M'],
      [
        'rtsp://10.0.0.4/user=xm&password=pw5&channel=3&stream=0.sdp',
        '10.0.0.4',
        '554',
        'xm pw5',
        '=xm&password=***&channel=3',
      ],
    ] as const) {
      await address.fill(pasted);
      await address.blur();
      assert.equal(await address.inputValue(), host);
      assert.equal(await field('rtspPort'), port, pasted);
      assert.equal(`${await field('username')} ${await field('password')}`, account);
      const told = await page.locator('#nvr-asks').innerText();
      assert.ok(told.includes(below), told);
      const isMarked = await address.evaluate((element) => element.classList.contains('input-error'));
      assert.equal(isMarked, below.startsWith('No'), pasted);
    }
    assert.equal(await field('httpPort'), '8080');
    assert.equal(
      await field('liveTemplate'),
      '/user={username}&password={password}&channel={ch}&stream={stream}.sdp',
    );
    await address.fill('rtsp://10.0.0.3/playback?ch=0002&stype=M&pbkey=abc');
    await address.blur();
    assert.equal(await field('uriStyle'), 'move');
    // A maker's port takes the place of the usual one and of another maker's, not of one that was pasted.
    await showTab(page, 'cameras');
    for (const [maker, expected] of [
      ['eufy', '8554'],
      ['hikvision', '554'],
    ] as const) {
      await page.selectOption('#nvr-preset', maker);
      assert.equal(await field('rtspPort'), expected);
    }
    await showTab(page, 'connection');
    await address.fill('rtsp://10.0.0.3:8555/x');
    await address.blur();
    await showTab(page, 'cameras');
    await page.selectOption('#nvr-preset', 'eufy');
    assert.equal(await field('rtspPort'), '8555');
    // A maker's template that is typed, over the values of a MOVE NVR, needs nothing else.
    await page.selectOption('#node-config-input-uriStyle', 'custom');
    await page.fill('#nvr-code-main', '');
    await page.fill('#nvr-code-dual', '');
    await page.fill('#node-config-input-liveTemplate', '/Streaming/Channels/{ch}0{stream}');
    await page.locator('#node-config-input-liveTemplate').blur();
    assert.equal(await page.locator('#nvr-code-dual').inputValue(), '2');
    assert.equal(await field('firstChannel'), '1');
    assert.match(await field('playbackTemplate'), /^\/Streaming\/tracks\//);
    await leave(page, 'cancel');
  });

  itLong('show what a flow of 0.1.0 means by its time zone, and save it so', async () => {
    for (const [id, timeZone, keyTime] of [
      ['old-utc', 'UTC', 'utc'],
      ['old-zone', 'Asia/Tokyo', 'local'],
    ] as const) {
      await openDialog(page, id);
      await showTab(page, 'advanced');
      assert.equal(await page.locator('#node-config-input-timeZone').inputValue(), timeZone);
      assert.equal(await page.locator('#node-config-input-keyTime').inputValue(), keyTime);
      await leave(page, 'ok');
      assert.deepEqual(
        [await valueOf(page, id, 'timeZone'), await valueOf(page, id, 'keyTime')],
        [timeZone, keyTime],
      );
      // A second time it is what was saved.
      await openDialog(page, id);
      await showTab(page, 'advanced');
      assert.equal(await page.locator('#node-config-input-keyTime').inputValue(), keyTime);
      await leave(page, 'cancel');
    }
  });

  itLong('take a channel from a message’s property, chosen in the field’s own menu', async () => {
    await openDialog(page, 'nvr-snapshot');
    const row = page.locator('.form-row', { has: page.locator('#node-input-channel') });
    const offered = await row
      .locator('datalist option')
      .evaluateAll((all) => all.map((option) => (option as HTMLOptionElement).value));
    assert.deepEqual(offered, ['Gate', 'Camera 1', 'Camera 3']);
    await row.locator('.red-ui-typedInput-type-select').click();
    await page.locator('.red-ui-typedInput-options:visible a[value="msg"]').click();
    assert.equal(await page.locator('#node-input-channel-field').inputValue(), 'channel');
    await page.fill('#node-input-channel-field', 'payload.camera');
    await page.locator('#nvr-snapshot-test button').click();
    await page.getByText('the NVR’s first camera is tested').waitFor();
    await page.getByAltText('Picture of channel 2').waitFor({ state: 'attached' });
    await leave(page, 'ok');
    assert.equal(await valueOf(page, 'nvr-snapshot', 'channelType'), 'msg');
    assert.equal(await valueOf(page, 'nvr-snapshot', 'channel'), 'payload.camera');
    await page.getByText('msg.payload.camera').first().waitFor();
    await openDialog(page, 'nvr-snapshot');
    assert.equal(await page.locator('#node-input-channel-field').inputValue(), 'payload.camera');
    await leave(page, 'cancel');
  });

  itLong('bring the sentence of a failed test into view, where one scrolls, and announce it', async () => {
    await page.setViewportSize({ width: 1100, height: 480 });
    for (const [id, place] of [
      ['nvr-record', '#nvr-record-test'],
      ['down', '#nvr-server-test'],
    ] as const) {
      await openDialog(page, id);
      if (id === 'nvr-record') await page.selectOption('#node-input-nvr', 'down');
      await page.locator(`${place} button`).focus();
      await page.keyboard.press('Enter');
      const sentence = page.locator(`${place} .nvr-test-sentence`);
      await sentence.waitFor();
      assert.match(await sentence.innerText(), /nothing listens on this port/);
      const isSeen = await sentence.evaluate((element) => {
        const { top, bottom } = element.getBoundingClientRect();
        const body = element.closest('.red-ui-tray-body')!.getBoundingClientRect();
        return top >= body.top && bottom <= body.bottom + 1;
      });
      assert.ok(isSeen, `${id}: the sentence is out of view`);
      assert.equal(await page.locator(`${place} .nvr-test`).getAttribute('aria-live'), 'polite');
      await leave(page, 'cancel');
    }
  });

  itLong(
    'are worked by the keyboard alone: each control is named and reached by Tab, and the test runs',
    async () => {
      await page.setViewportSize({ width: 1400, height: 1250 });
      const reached = async (): Promise<string[]> => {
        const first = page.locator('.red-ui-tray-body').last().locator('input:visible, a:visible').first();
        await first.focus();
        return page.evaluate(() => {
          const body = [...document.querySelectorAll('.red-ui-tray-body form')].at(-1)!;
          return [...body.querySelectorAll<HTMLElement>('input, select, textarea, button')]
            .filter((element) => element.checkVisibility() && !element.matches(':disabled'))
            .filter((element) => element.tabIndex < 0)
            .map((element) => element.outerHTML.slice(0, 120));
        });
      };
      for (const id of FLOW_TYPES) {
        await openDialog(page, id);
        assert.deepEqual(await nameless(page), [], id);
        assert.deepEqual(await reached(), [], id);
        const button = page.locator('[id$="-test"] button');
        for (let steps = 0; steps < 80; steps++) {
          if (await button.evaluate((element) => element === document.activeElement)) break;
          await page.keyboard.press('Tab');
        }
        assert.ok(await button.evaluate((element) => element === document.activeElement), id);
        if (id === 'nvr-record') {
          await page.keyboard.press('Space');
          await page.locator('.nvr-test-picture').first().waitFor({ state: 'attached' });
        }
        await page.keyboard.press('Control+Enter');
        await page.locator('.red-ui-tray').waitFor({ state: 'detached' });
      }
      await openDialog(page, 'nvr');
      for (const tab of ['connection', 'cameras', 'advanced'] as const) {
        await showTab(page, tab);
        if (tab === 'cameras') await page.selectOption('#node-config-input-uriStyle', 'custom');
        assert.deepEqual(await nameless(page), [], tab);
        assert.deepEqual(await reached(), [], tab);
      }
    },
  );
});
