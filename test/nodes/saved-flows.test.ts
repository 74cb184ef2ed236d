// A flow with one node of each type as 0.1.0 saved it: no version, and none of what came since.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readServerSettings } from '../../nodes/shared/server-settings.js';
import { keepGiB } from '../../nodes/shared/record-options.js';
import { migrate } from '../../nodes/shared/settings/migrations.js';
import { readSettings } from '../../nodes/shared/settings/read.js';
import { TABLES } from '../../nodes/shared/settings/tables/index.js';
import { recordSettings } from '../../nodes/shared/settings/tables/nvr-record.js';
import { startSimulator, type Simulator } from '../../lib/simulator/index.js';
import { flowWith, helper, load, serveNodes, statuses } from '../kit/red.js';

const SERVER = {
  rtspPort: '554',
  httpPort: '80',
  tls: false,
  httpTls: false,
  tlsConfig: '',
  transport: 'auto',
  uriStyle: 'move',
  liveTemplate: '',
  playbackTemplate: '',
  streamCodes: { main: 'M', dual: 'D' },
  firstChannel: '0',
  channels: [{ channel: 3, name: 'Gate' }],
  timeZone: '',
  requestTimeout: '10',
  silence: '5',
  linger: '5',
  audio: false,
};

const own = { name: '', nvr: 'nvr', channel: '1', stream: 'main' };
const NODES = [
  { id: 'live', type: 'nvr-live-stream', ...own, emit: 'keyframes', inputs: 0, outputs: 2 },
  {
    ...{
      id: 'playback',
      type: 'nvr-playback',
      ...own,
      from: '',
      to: '',
      duration: '',
      speed: '1',
      group: '0',
    },
    ...{ emit: 'accessUnits', doneWhen: 'ended' },
  },
  {
    ...{
      id: 'snapshot',
      type: 'nvr-snapshot',
      ...own,
      channel: 'Gate',
      format: 'jpeg',
      quality: '80',
      width: '',
    },
    ...{ maxAge: '2', timeout: '10', decoder: 'auto', ffmpegPath: '' },
  },
  {
    ...{ id: 'record', type: 'nvr-record', ...own, mode: 'continuous', preRoll: '10', postRoll: '10' },
    ...{ maxLength: '300', folder: '', fileName: '{nvr}/{channel}/{HHmmss}-{reason}.mp4', segment: '300' },
    ...{ keepDays: '0', keepGiB: '', plain: false, thumbnail: false },
  },
  {
    ...{ id: 'health', type: 'nvr-health-ping', ...own, channel: '*', depth: 'auth' },
    ...{ interval: '60', failures: '2', successes: '1' },
  },
];

describe('a flow that 0.1.0 saved', () => {
  let simulator: Simulator;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'nvr-saved-flows-'));

  before(async () => {
    simulator = await startSimulator({ username: 'admin', password: 'geheim-1', channels: 4 });
  });

  after(async () => {
    await simulator.stop();
    fs.rmSync(folder, { recursive: true });
  });

  serveNodes();

  it('loads: no node has a setting that cannot be used, and the camera plays', async () => {
    const wires = [['out'], ['event']];
    const nodes = NODES.map((node) => ({ ...node, wires, ...(node.id === 'record' && { folder }) }));
    const server = { ...SERVER, rtspPort: String(simulator.rtspPort), httpPort: String(simulator.httpPort) };
    const account = { username: 'admin', password: 'geheim-1' };
    const sink = await load(flowWith(server, nodes), account);
    await sink('event').first(({ payload, topic }) => payload === 'playing' && topic!.endsWith('/1/event'));
    (helper.getNode('snapshot') as { receive(message: object): void }).receive({ mine: 'asked' });
    assert.equal((await sink('out').first(({ mine }) => mine === 'asked')).contentType, 'image/jpeg');
    for (const { id } of NODES)
      assert.deepEqual(
        statuses(id).filter(({ text }) => text.startsWith('bad ')),
        [],
        id,
      );
    assert.deepEqual(sink('catch').messages, []);
  });

  for (const { type, ...saved } of NODES)
    it(`means of ${type} what it meant then: each setting as it was saved, the default for what has come since`, () => {
      const table = TABLES[type]!;
      const read = readSettings(table, migrate(type, saved), { channels: SERVER.channels }) as Record<
        string,
        unknown
      >;
      for (const [name, value] of Object.entries(saved))
        if (Object.hasOwn(table, name) && value !== '') assert.equal(String(read[name]), String(value), name);
    });

  it('keeps all of a continuous recording, and times in UTC', () => {
    const { type: _type, ...record } = NODES.find(({ type }) => type === 'nvr-record')!;
    assert.equal(keepGiB(readSettings(recordSettings, record), 0), 0);
    const { settings, problems } = readServerSettings({ ...SERVER, name: 'Home', host: '10.0.0.9' });
    assert.deepEqual(problems, []);
    assert.deepEqual(
      { timeZone: settings.timeZone, keyTime: settings.keyTime },
      { timeZone: 'UTC', keyTime: 'utc' },
    );
  });
});
