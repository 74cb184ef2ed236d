// A health check and the camera's hub, which the test plays; the server is real.

import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { NvrErrorCode } from '../../lib/errors.js';
import { Account } from '../../lib/nvr/account.js';
import type { Hub } from '../../lib/nvr/camera/hub.js';
import { HealthProbes, type HealthContext } from '../../lib/nvr/health/health.js';
import { FakeHub, videoUnit } from '../kit/fake-hub.js';
import { startScriptedServer, type Script, type ScriptedServer } from '../kit/scripted-server.js';
import { settingsFor } from '../kit/settings.js';

class CheckedHub extends FakeHub {
  pings = 0;
  restarts = 0;
  ends = 0;

  ping(): Promise<number> {
    this.pings++;
    return Promise.resolve(3);
  }

  override restart(): void {
    this.restarts++;
  }

  endUnused(): Promise<void> {
    this.ends++;
    return Promise.resolve();
  }
}

describe('a health check and the hub of the camera', () => {
  let server: ScriptedServer;
  let answer: Script;
  let context: HealthContext;
  let hub: CheckedHub;
  let health: HealthProbes;

  before(async () => {
    server = await startScriptedServer((...asked) => answer(...asked));
  });

  beforeEach(() => {
    answer = () => undefined;
    hub = new CheckedHub();
    hub.gop = [videoUnit()];
    context = {
      settings: settingsFor(server.port, { uriStyle: 'custom', liveTemplate: '/live' }),
      account: new Account(() => performance.now()),
      session: {},
      uriOf: () => `rtsp://127.0.0.1:${server.port}/live`,
      hub: () => hub as unknown as Hub,
    };
    health = new HealthProbes(context);
  });

  afterEach(() => {
    health.close();
  });

  after(() => server.close());

  for (const [what, state, linger, ends, restarts] of [
    ['ends the session that it opened', 'idle', false, 1, 0],
    ['keeps the session that it opened where its user comes next', 'idle', true, 0, 0],
    ['ends no session of others that wait for the camera, and lets them try at once', 'waiting', false, 0, 1],
    ['ends none of others that had given up either', 'failed', false, 0, 1],
  ] as const)
    it(what, async () => {
      hub.state = state;
      const { state: found } = await health.probe(1, 'main', 'session', { linger });
      assert.equal(found, 'up');
      assert.deepEqual(
        { ends: hub.ends, restarts: hub.restarts, pings: hub.pings },
        { ends, restarts, pings: 1 },
      );
    });

  it('ends the session that it opened where no keyframe comes in it', async () => {
    hub.state = 'idle';
    hub.gop = [];
    const subscribe = hub.subscribe.bind(hub);
    hub.subscribe = (subscriber) => {
      const subscription = subscribe(subscriber);
      queueMicrotask(() => {
        hub.tell({ type: 'error', code: 'EFORBIDDEN' });
      });
      return subscription;
    };
    const { stage, code } = await health.probe(1, 'main', 'media');
    assert.deepEqual({ stage, code, ends: hub.ends }, { stage: 'media', code: 'EFORBIDDEN', ends: 1 });
  });

  it('asks a host again that could not be reached by the check before', async () => {
    hub.state = 'idle';
    answer = () => ({ raw: Buffer.alloc(0), close: true });
    const first = await health.probe(1, 'main', 'rtsp');
    assert.deepEqual({ state: first.state, stage: first.stage }, { state: 'down', stage: 'rtsp' });
    answer = () => undefined;
    assert.equal((await health.probe(2, 'main', 'rtsp')).state, 'up');
  });

  it('keeps so many results, and forgets them with the next but one', async () => {
    health = new HealthProbes(context, 3);
    const fresh = { freshMs: 1e9 };
    for (const channel of [1, 2, 3, 4]) await health.probe(channel, 'main', 'reach');
    await health.probe(1, 'main', 'reach', fresh);
    assert.equal(hub.pings, 4, 'the first is known');
    await health.probe(5, 'main', 'reach');
    await health.probe(1, 'main', 'reach', fresh);
    assert.equal(hub.pings, 6, 'the first is forgotten');
    await health.probe(5, 'main', 'reach', fresh);
    assert.equal(hub.pings, 6, 'the newest is known');
  });

  describe('that answers late', () => {
    /** When the reply to OPTIONS was sent. */
    let repliedAt: number;
    let describes: boolean;

    beforeEach(() => {
      hub.state = 'idle';
      answer = ({ method, headers }, peer) => {
        if (method === 'DESCRIBE') return describes ? undefined : { raw: Buffer.alloc(0) };
        setTimeout(() => {
          repliedAt = performance.now();
          peer.send(
            Buffer.from(`RTSP/1.0 200 OK\r\nCSeq: ${headers.get('CSeq')}\r\nPublic: DESCRIBE\r\n\r\n`),
          );
        }, 60);
        return { raw: Buffer.alloc(0) };
      };
    });

    it('is measured by stages: the time of the first request is none of the second', async () => {
      describes = true;
      const { state, describeMs } = await health.probe(1, 'main', 'auth');
      assert.equal(state, 'up');
      assert.ok(describeMs! <= performance.now() - repliedAt + 0.1, `${describeMs} ms`);
    });

    it('has one time for all of its requests, and the one is named that has none left', async () => {
      describes = false;
      health = new HealthProbes({ ...context, settings: { ...context.settings, requestTimeout: 0.1 } });
      const { code, stage, reason } = await health.probe(1, 'main', 'auth');
      assert.deepEqual({ code, stage }, { code: 'ETIMEDOUT', stage: 'auth' });
      assert.match(reason!, /DESCRIBE/);
    });
  });

  it('finds the channels that are there beside those that are refused', async () => {
    const probe = sinon.stub(health, 'probe');
    const found = (state: 'up' | 'down', code?: NvrErrorCode): never =>
      Promise.resolve({ state, stage: 'auth', code, checkedAt: 0 }) as never;
    probe.callsFake((channel) =>
      found(channel < 4 ? 'up' : 'down', channel === 5 ? 'EFORBIDDEN' : 'ECHANNEL'),
    );
    assert.deepEqual(await health.channels('main'), [1, 2, 3]);
    assert.equal(probe.callCount, 16);
  });
});
