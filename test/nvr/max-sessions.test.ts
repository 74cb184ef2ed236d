import assert from 'node:assert/strict';
import { Nvr } from '../../lib/nvr/nvr.js';
import type { CameraHub, HubEvent, HubSubscription } from '../../lib/nvr/types.js';
import { startScriptedServer, type ScriptedServer } from '../kit/scripted-server.js';
import { settingsFor } from '../kit/settings.js';

describe('cameras in use at once', () => {
  let server: ScriptedServer;
  let nvr: Nvr;

  beforeEach(async () => {
    server = await startScriptedServer();
    nvr = new Nvr(settingsFor(server.port, { maxSessions: 4, linger: 60 }));
  });

  afterEach(async () => {
    await nvr.close();
    await server.close();
  });

  const use = (hub: CameraHub): HubSubscription => hub.subscribe({});
  const refused = (channel: number): void => {
    assert.throws(() => nvr.camera(channel, 'main', 'message'), { code: 'ESESSIONS' });
  };
  const playing = async (hub: CameraHub): Promise<HubSubscription> => {
    let subscription: HubSubscription | undefined;
    await new Promise<void>((resolve) => {
      subscription = hub.subscribe({
        onEvent: ({ type }) => {
          if (type === 'playing') resolve();
        },
      });
    });
    return subscription!;
  };

  it('are as many as the setting says where messages name them: 400 messages for 400 channels open 4 sessions', async () => {
    let refusals = 0;
    for (let channel = 1; channel <= 400; channel++) {
      try {
        use(nvr.camera(channel, 'main', 'message'));
      } catch (error) {
        assert.equal((error as { code: string }).code, 'ESESSIONS');
        refusals++;
      }
    }
    assert.equal(refusals, 396);
    while (server.requests.filter(({ method }) => method === 'PLAY').length < 4) await server.waitFor('PLAY');
    assert.equal(server.peers.length, 4);
  });

  it('does not refuse a further message for a camera that is in use', () => {
    for (let channel = 1; channel <= 4; channel++) use(nvr.camera(channel, 'main', 'message'));
    use(nvr.camera(2, 'main', 'message'));
    refused(5);
    assert.throws(() => nvr.camera(2, 'dual', 'message'), { code: 'ESESSIONS' });
  });

  it('closes sessions that nobody uses any more for a message, as many as are needed', async () => {
    const subscriptions = await Promise.all(
      [1, 2, 3, 4].map((channel) => playing(nvr.camera(channel, 'main', 'message'))),
    );
    subscriptions[0]!.unsubscribe();
    subscriptions[2]!.unsubscribe();
    use(nvr.camera(5, 'main', 'message'));
    await server.waitFor('TEARDOWN');
    assert.equal(server.requests.filter(({ method }) => method === 'TEARDOWN').length, 1);
    use(nvr.camera(6, 'main', 'message'));
    refused(7);
    subscriptions[1]!.unsubscribe();
    use(nvr.camera(7, 'main', 'message'));
  });

  it('never refuses the cameras that nodes are set to, and warns once above the number', () => {
    const events: HubEvent[] = [];
    for (let channel = 1; channel <= 8; channel++)
      nvr.camera(channel, 'main').subscribe({ onEvent: (event) => events.push(event) });
    const warnings = events.filter(({ type }) => type === 'warning');
    assert.deepEqual(
      warnings.map(({ code, channel, firstOfOutage }) => [code, channel, firstOfOutage]),
      [['ESESSIONS', 5, undefined]],
    );
    refused(9);
    use(nvr.camera(8, 'main', 'message'));
  });

  it('are 64 where the setting says nothing, as many as the largest NVR has', async () => {
    const { maxSessions: _, ...rest } = settingsFor(server.port);
    const large = new Nvr(rest);
    for (let channel = 1; channel <= 64; channel++) use(large.camera(channel, 'main', 'message'));
    assert.throws(() => large.camera(65, 'main', 'message'), { code: 'ESESSIONS' });
    await large.close();
  });

  it('gives the same hub for the same camera, whoever asks first, however many were asked for', () => {
    const own = nvr.camera(1, 'main');
    for (let round = 0; round < 3; round++) {
      for (let channel = 2; channel < 300; channel++) nvr.camera(channel, 'main', 'message');
      assert.equal(nvr.camera(1, 'main', 'message'), own);
      assert.equal(nvr.camera(1, 'main'), own);
    }
    const adopted = nvr.camera(500, 'main', 'message');
    assert.equal(nvr.camera(500, 'main'), adopted);
    for (let channel = 600; channel < 900; channel++) nvr.camera(channel, 'main', 'message');
    assert.equal(nvr.camera(500, 'main'), adopted);
  });

  it('lets a camera in again once another one is closed', async () => {
    for (let round = 0; round < 2; round++) {
      const subscriptions = [1, 2, 3, 4].map((channel) => use(nvr.camera(channel, 'main', 'message')));
      refused(5);
      for (const subscription of subscriptions) subscription.unsubscribe();
      use(nvr.camera(5, 'main', 'message')).unsubscribe();
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
});
