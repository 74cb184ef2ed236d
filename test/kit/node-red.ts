// A real Node-RED in its own process, with this package installed by a link, for tests in a real browser.

import { fork, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { freePort } from '../../lib/simulator/ports.js';

const ROOT = path.join(__dirname, '..', '..');
const HOME = process.env.NODE_RED_HOME ?? ROOT;

/**
 * What the editor's user has set. Node-RED 5's editor begins its tips before it has made the box for them:
 * RED.userSettings.init() calls startTips(), which lets setTip() call tipBox.html() a second later, and
 * RED.sidebar.info.init() makes tipBox only once keymap.json has come (loadEditor() in
 * @node-red/editor-client/public/red/red.js). On a busy machine that takes longer than a second, and setTip()
 * throws "Cannot read properties of undefined (reading 'html')", unless the tip drawn by lot names a
 * shortcut.
 */
const WITHOUT_TIPS = { _: { editor: { view: { 'view-show-tips': false } } } };

export interface RunningNodeRed {
  readonly url: string;
  readonly pid: number;
  readonly folder: string;
  readonly log: () => string;
  stop(): Promise<void>;
}

/**
 * Needs the built package in dist/; `packages` are installed beside it, `env` is added to the environment.
 */
export async function startNodeRed(
  flows: object[] = [],
  credentials: object = {},
  settings: object = {},
  packages: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<RunningNodeRed> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-e2e-'));
  const scope = path.join(folder, 'node_modules', '@nvr-flow');
  fs.mkdirSync(scope, { recursive: true });
  fs.symlinkSync(ROOT, path.join(scope, 'node-red-mobotix-nvr'), 'junction');
  for (const name of packages) {
    const home = path.dirname(createRequire(__filename).resolve(`${name}/package.json`));
    fs.mkdirSync(path.dirname(path.join(folder, 'node_modules', name)), { recursive: true });
    fs.symlinkSync(home, path.join(folder, 'node_modules', name), 'junction');
  }
  fs.writeFileSync(path.join(folder, 'flows.json'), JSON.stringify(flows));
  fs.writeFileSync(path.join(folder, 'flows_cred.json'), JSON.stringify(credentials));
  fs.writeFileSync(path.join(folder, '.config.users.json'), JSON.stringify(WITHOUT_TIPS));
  const port = await freePort(0);
  const all = {
    uiHost: '127.0.0.1',
    uiPort: port,
    flowFile: 'flows.json',
    credentialSecret: false,
    telemetry: { enabled: false },
    // The simpler editor for functions loads sooner, and no test looks at it.
    editorTheme: { tours: false, palette: { catalogues: [] }, codeEditor: { lib: 'ace' } },
    ...settings,
  };
  fs.writeFileSync(
    path.join(folder, 'settings.js'),
    `module.exports = ${JSON.stringify(all)};
require(require.resolve('@node-red/util', { paths: [require.main.path] })).events.once('flows:started', () => process.send('started'));`,
  );
  const program = createRequire(path.join(HOME, 'package.json')).resolve('node-red/red.js');
  const child = fork(program, ['--userDir', folder, '--settings', path.join(folder, 'settings.js')], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, ...env },
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (text: Buffer) => (log += text.toString()));
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => {
      resolve();
    });
    child.once('exit', () => {
      reject(new Error(`Node-RED ended: ${log}`));
    });
  });
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid!,
    folder,
    log: () => log,
    stop: () => stop(child, folder),
  };
}

/** Also of one that has been killed. */
async function stop(child: ChildProcess, folder: string): Promise<void> {
  const isOver = child.exitCode !== null || child.signalCode !== null;
  const exited = new Promise<void>((resolve) =>
    child.once('exit', () => {
      resolve();
    }),
  );
  child.removeAllListeners('message');
  if (!isOver) {
    child.kill('SIGINT');
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await exited;
    clearTimeout(timer);
  }
  fs.rmSync(folder, { recursive: true, force: true });
}

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** One context for each browser and language: the editor's scripts are loaded and compiled once. */
const contexts = new WeakMap<Browser, Map<string, Promise<BrowserContext>>>();

function contextOf(browser: Browser, locale: string): Promise<BrowserContext> {
  const byLocale = contexts.get(browser) ?? new Map<string, Promise<BrowserContext>>();
  contexts.set(browser, byLocale);
  const context =
    byLocale.get(locale) ?? browser.newContext({ locale, viewport: { width: 1400, height: 900 } });
  byLocale.set(locale, context);
  return context;
}

/** The page's uncaught errors from now on, with their stacks: an error's message does not say whose it is. */
export function errorsOf(page: Page): string[] {
  const errors: string[] = [];
  page.on('pageerror', ({ message, stack }) => {
    // What is thrown without being an Error has no stack.
    errors.push(stack === undefined || stack === '' ? message : stack);
  });
  return errors;
}

/** Opens the editor and waits until it is ready; errors of the page fail the test. */
export async function openEditor(
  browser: Browser,
  url: string,
  locale = 'en-US',
): Promise<{ page: Page; errors: string[] }> {
  const page = await (await contextOf(browser, locale)).newPage();
  const errors = errorsOf(page);
  await page.goto(url);
  await page.waitForSelector('.red-ui-palette-node[data-palette-type="nvr-live-stream"]', {
    state: 'attached',
    timeout: 30_000,
  });
  // A dialog that is opened before the flow has been imported never shows.
  await page.waitForFunction(
    () => {
      const { RED } = window as unknown as { RED: { nodes: { getWorkspaceOrder(): string[] } } };
      const progress = document.querySelector<HTMLElement>('#red-ui-loading-progress');
      return progress?.style.display === 'none' && RED.nodes.getWorkspaceOrder().length > 0;
    },
    undefined,
    { timeout: 30_000 },
  );
  return { page, errors };
}

/** Opens the dialog of a node or config node, by its id. */
export async function openDialog(page: Page, id: string): Promise<void> {
  await page.evaluate((wanted) => {
    const { RED } = window as unknown as {
      RED: {
        nodes: { node(id: string): { type: string } };
        editor: { edit(node: object): void; editConfig(name: string, type: string, id: string): void };
      };
    };
    const node = RED.nodes.node(wanted);
    if (node.type === 'nvr-server') RED.editor.editConfig('', node.type, wanted);
    else RED.editor.edit(node);
  }, id);
  await page.locator('.red-ui-tray-body .form-row').first().waitFor();
  // The tray slides in.
  await page.waitForTimeout(700);
}
