// Writes the demo's Node-RED user folder: settings, the example flows with a start page, and a link to this
// package.

import fs from 'node:fs';
import path from 'node:path';

export interface DemoPorts {
  editor: number;
  rtsp: number;
  http: number;
}

/** One example flow and the ids of its tabs. */
export interface ExampleFlow {
  readonly name: string;
  readonly tabs: readonly string[];
}

interface FlowNode {
  id: string;
  type: string;
  [property: string]: unknown;
}

interface FolderOptions {
  root: string;
  folder: string;
  ports: DemoPorts;
  account: { username: string; password: string };
  /** Report the nodes' messages to the parent process. */
  check: boolean;
}

/** 3-second segments of about 10 kB, of which two are kept. */
const SHORT_SEGMENTS = { segment: '3', keepGiB: '0.00003' };
/** The demo's own pages, in the tab that serves them. */
const PAGE = '00 - The demo’s page';
const CLIPS = 'nvr-clips';
const CAMERAS = ['Gate', 'Yard', 'Workshop', 'Crossing'];
/** Nodes of other packages, which some examples use. */
const NOT_INSTALLED = /^(e-mail$|ui-)/;
const PACKAGE = '@nvr-flow/node-red-mobotix-nvr';

/** Writes the folder from scratch and returns the example flows in it. */
export function writeUserFolder(options: FolderOptions): ExampleFlow[] {
  const { root, folder } = options;
  fs.rmSync(folder, { recursive: true, force: true });
  const home = path.join(folder, 'node_modules', path.dirname(PACKAGE));
  fs.mkdirSync(home, { recursive: true });
  fs.symlinkSync(root, path.join(home, path.basename(PACKAGE)), 'junction');

  const examples = fs
    .readdirSync(path.join(root, 'examples'))
    .filter((name) => name.endsWith('.json'))
    .sort();
  const own = path.join(__dirname, 'demo');
  const nodes = new Map<string, FlowNode>();
  const flows: ExampleFlow[] = [];
  for (const [name, file] of [
    [PAGE, path.join(own, 'flow.json')] as const,
    ...examples.map((name) => [path.basename(name, '.json'), path.join(root, 'examples', name)] as const),
  ]) {
    const flow = JSON.parse(fs.readFileSync(file, 'utf8')) as FlowNode[];
    // Node-RED starts no flow at all if one node type is missing.
    if (flow.some(({ type }) => NOT_INSTALLED.test(type))) continue;
    for (const node of flow) nodes.set(node.id, adapt(node, options));
    flows.push({ name, tabs: flow.filter(({ type }) => type === 'tab').map(({ id }) => id) });
  }
  for (const node of nodes.values())
    if (node.type === 'template' && node.z === flows[0]?.tabs[0])
      node.template = pageText(path.join(own, 'page.html'), flows);
  const credentials = Object.fromEntries(
    [...nodes.values()].filter(({ type }) => type === 'nvr-server').map(({ id }) => [id, options.account]),
  );
  write(
    folder,
    'package.json',
    JSON.stringify({ name: 'nvr-demo', private: true, dependencies: { [PACKAGE]: '*' } }),
  );
  write(folder, 'flows.json', JSON.stringify([...nodes.values()], null, 2));
  write(folder, 'flows_cred.json', JSON.stringify(credentials));
  write(folder, 'settings.js', settingsText(options));
  fs.mkdirSync(path.join(folder, CLIPS));
  return flows;
}

/** The start page, with a link to the tab of each flow. */
function pageText(file: string, flows: readonly ExampleFlow[]): string {
  const links = flows
    .slice(1)
    .map(
      ({ name, tabs: [tab = ''] }) => `<li><a href="/#flow/${tab}">${name.replace(/[&<]/g, '+')}</a></li>`,
    );
  return fs
    .readFileSync(file, 'utf8')
    .replace('<!-- editor -->', `/#flow/${flows[0]?.tabs[0] ?? ''}`)
    .replace('<!-- flows -->', links.join('\n'));
}

/**
 * Replaces what the examples assume: the simulator's usual ports (an unattended run uses free ones), and
 * segments of 5 minutes.
 */
function adapt(node: FlowNode, { ports, folder, check }: FolderOptions): FlowNode {
  if (node.type === 'nvr-server')
    return {
      ...node,
      rtspPort: String(ports.rtsp),
      httpPort: String(ports.http),
      channels: CAMERAS.map((name, index) => ({ channel: index + 1, name })),
    };
  // The demo has no MQTT broker, and no environment of its own.
  if (node.channelType === 'env') return { ...node, channel: '*', channelType: 'str' };
  if (node.type === 'mqtt out' || node.type === 'mqtt in') return { ...node, d: true };
  if (node.type === 'nvr-record' && node.folder === '')
    return {
      ...node,
      folder: path.join(folder, CLIPS),
      ...(check && node.mode === 'continuous' && SHORT_SEGMENTS),
    };
  return node;
}

function settingsText({ ports, check, folder }: FolderOptions): string {
  const settings = {
    uiHost: '127.0.0.1',
    uiPort: ports.editor,
    userDir: folder,
    fileWorkingDirectory: folder,
    flowFile: 'flows.json',
    httpStatic: [{ path: path.join(folder, CLIPS), root: '/nvr/clips/' }],
    credentialSecret: false,
    telemetry: { enabled: false },
    externalModules: { palette: { allowInstall: false } },
    editorTheme: { tours: false, page: { title: 'NVR demo' }, palette: { catalogues: [] } },
    logging: { console: { level: 'info', metrics: false, audit: false } },
  };
  return [
    `module.exports = ${JSON.stringify(settings, null, 2)};`,
    // Must be the same module instance as the runtime's, to get its hooks and events.
    "const util = require(require.resolve('@node-red/util', { paths: [require.main.path] }));",
    "util.events.once('flows:started', () => process.send('started'));",
    ...(check ? [REPORT_HOOK] : []),
    '',
  ].join('\n');
}

/**
 * Runs inside Node-RED: sends the parent each message that a node of this package, or an HTTP response, sends
 * or receives.
 */
const REPORT_HOOK = `
function report(source, port, msg) {
  const { payload, video, event, clip, contentType, health, topic, run } = msg;
  const plain = (value) => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));
  process.send({
    tab: source.node.z, type: source.node.type, name: source.node.name, port,
    payload: Buffer.isBuffer(payload) ? payload : plain(payload),
    video: plain(video), event: plain(event), clip: plain(clip), health: plain(health), contentType, topic, run,
  });
}
util.hooks.add('onSend.demo', (events) => {
  for (const { source, msg } of events) {
    if (source.node && /^nvr-/.test(source.node.type)) report(source, source.port, msg);
  }
});`;

function write(folder: string, name: string, text: string): void {
  fs.writeFileSync(path.join(folder, name), text);
}
