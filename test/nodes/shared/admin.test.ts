// The dialog's requests, on NVRs whose checks the test answers.

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import sinon from 'sinon';
import { HealthProbes, type Health } from '../../../lib/nvr/health/health.js';
import { Nvr } from '../../../lib/nvr/nvr.js';
import { Trace } from '../../../lib/nvr/trace.js';
import { registerAdmin } from '../../../nodes/shared/admin.js';
import { FakeHub, videoUnit } from '../../kit/fake-hub.js';
import { FakeRed, turn, type FakeServer } from '../../kit/fake-red.js';

type Line = Record<string, unknown>;
type Stage = (stage: string, details: object) => void;

const JPEG = Buffer.from([0xff, 0xd8, 0xff, 0xd9]);

class Answer extends EventEmitter {
  status = 200;
  type = '';
  readonly lines: Line[] = [];
  body: unknown;
  isOver = false;
  writes = 0;
}

/** A check that the test answers. */
interface Probe {
  readonly channel: number;
  readonly stream: string;
  readonly depth: string;
  readonly onStage: Stage | undefined;
  readonly answer: (health: Partial<Health>) => void;
  readonly fail: (error: unknown) => void;
}

describe('a request of the dialog', () => {
  let routes: Map<string, (request: object, response: object) => void>;
  let probes: Probe[];
  let closes: number;
  let hub: FakeHub;
  let hubs: string[];
  let server: FakeServer;
  let clock: sinon.SinonFakeTimers;
  let account = 0;

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    routes = new Map();
    probes = [];
    hubs = [];
    closes = 0;
    hub = new FakeHub();
    hub.gop = [videoUnit({ codec: 'mjpeg', data: JPEG })];
    const probe = (channel: number, stream: string, depth: string, options?: { onStage?: Stage }): unknown =>
      new Promise((resolve, reject) => {
        probes.push({
          ...{ channel, stream, depth, onStage: options?.onStage },
          answer: (health) => {
            resolve({ state: 'up', stage: 'media', checkedAt: 1, ...health });
          },
          fail: reject,
        });
      });
    const camera = (channel: number, stream: string): FakeHub => {
      hubs.push(`${channel}/${stream}`);
      return hub;
    };
    sinon.stub(HealthProbes.prototype, 'probe').callsFake(probe as never);
    sinon.stub(HealthProbes.prototype, 'channels').resolves([1, 2]);
    sinon.stub(Nvr.prototype, 'camera').callsFake(camera);
    sinon.stub(Nvr.prototype, 'close').callsFake(() => {
      closes++;
      return Promise.resolve();
    });
    const red = new FakeRed();
    const deployed = {
      health: { probe, channels: () => Promise.resolve([7]) },
      camera,
      close: () => assert.fail('closed'),
    };
    server = red.server(deployed, { host: 'deployed', username: 'admin', password: 'stored' });
    Object.assign(server, { saved: { host: 'deployed' }, exchanges: new Trace({ secrets: [] }) });
    Object.assign(deployed, { settings: server.settings });
    Object.assign(red.raw[0]!, { host: 'deployed', version: 1 });
    Object.assign(red.RED, {
      auth: { needsPermission: () => () => undefined },
      httpAdmin: {
        post: (path: string, _may: unknown, handle: (request: object, response: object) => void) =>
          routes.set(path.replace('/nvr-flow/', ''), handle),
      },
    });
    registerAdmin(red.RED);
  });

  afterEach(async () => {
    for (const probe of probes) probe.answer({ state: 'down' });
    await clock.runAllAsync();
    clock.restore();
    sinon.restore();
  });

  function post(path: string, body: object): Answer {
    const answer = new Answer();
    const over = (body?: unknown): void => {
      answer.body = body;
      answer.isOver = true;
    };
    const response = {
      headersSent: false,
      status: (code: number) => {
        assert.equal(response.headersSent, false);
        answer.status = code;
        return response;
      },
      type: (type: string) => {
        answer.type = type;
        return response;
      },
      set: () => response,
      json: (line: Line) => {
        answer.lines.push(line);
        over();
      },
      send: over,
      write: (text: string) => {
        response.headersSent = true;
        answer.lines.push(JSON.parse(text) as Line);
      },
      end: over,
    };
    const headers = { 'content-type': 'application/json' };
    routes.get(path)!({ body, headers }, response);
    return answer;
  }

  const own = (more: object = {}): object => ({
    server: { host: `h${++account}` },
    ...{ username: 'u', password: 'p' },
    ...more,
  });
  const stored = { id: 'nvr', server: { host: 'deployed' }, stored: 'account' };

  const settled = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await turn();
  };

  async function test(body: object, health: Partial<Health> | Error, stages: string[] = []): Promise<Answer> {
    const before = probes.length;
    const answer = post('test', body);
    await settled();
    const probe = probes[before];
    for (const stage of stages) probe!.onStage!(stage, { ms: 1 });
    if (health instanceof Error) probe!.fail(health);
    else probe?.answer(health);
    await settled();
    return answer;
  }

  it('asks the deployed NVR where nothing was changed, and leaves that open', async () => {
    const { lines } = await test({ ...stored, stream: 'dual', channel: '2' }, {});
    assert.deepEqual(
      { channel: probes[0]!.channel, stream: probes[0]!.stream, depth: probes[0]!.depth },
      { channel: 2, stream: 'dual', depth: 'media' },
    );
    const { health } = lines.at(-1)! as { health: { channel: number; state: string } };
    assert.deepEqual({ channel: health.channel, state: health.state }, { channel: 2, state: 'up' });
    await clock.runAllAsync();
    assert.equal(closes, 0);
  });

  it('streams a line for each stage and one for the whole, with a picture and what moves where the camera is there', async () => {
    const { lines, isOver } = await test(own(), { state: 'degraded' }, ['reach', 'rtsp']);
    assert.deepEqual(lines.slice(0, 2), [
      { stage: 'reach', ms: 1 },
      { stage: 'rtsp', ms: 1 },
    ]);
    assert.deepEqual(Object.keys(lines[2]!), ['health', 'picture', 'moving']);
    assert.equal(isOver, true);
    const down = await test(own(), { state: 'down', code: 'ETIMEDOUT' });
    assert.deepEqual(Object.keys(down.lines.at(-1)!), ['health']);
  });

  for (const [what, health, ms] of [
    ['that is there is closed when its moving picture was shown', {}, 15_000],
    ['that refuses the account is remembered for a minute', { state: 'down', code: 'EAUTH' }, 60_000],
  ] as const)
    it(`an NVR of its own ${what}`, async () => {
      await test(own(), health);
      await clock.tickAsync(ms - 1);
      assert.equal(closes, 0);
      await clock.tickAsync(1);
      assert.equal(closes, 1);
    });

  it('closes an NVR of its own at once where the camera is not there, or the check fails', async () => {
    await test(own(), { state: 'down', code: 'ETIMEDOUT' });
    assert.equal(closes, 1);
    const { status, lines } = await test(own(), new Error('broken'));
    assert.deepEqual({ closes, status, code: lines[0]!.code }, { closes: 2, status: 400, code: 'EINPUT' });
  });

  it('ends where the check fails after its first line', async () => {
    const { status, lines, isOver } = await test(own(), new Error('broken'), ['reach']);
    assert.deepEqual({ status, lines: lines.length, isOver }, { status: 200, lines: 1, isOver: true });
  });

  it('is one of four at once, and again when one of them has ended', async () => {
    for (let round = 0; round < 2; round++) {
      const asked = [0, 1, 2, 3].map(() => post('test', own()));
      await settled();
      const fifth = post(round === 0 ? 'test' : 'cameras', own());
      await settled();
      assert.deepEqual({ status: fifth.status, code: fifth.lines[0]!.code }, { status: 503, code: 'EBUSY' });
      probes.at(-1)!.answer({ state: 'down' });
      await settled();
      const sixth = post('test', own());
      await settled();
      for (const probe of probes) probe.answer({ state: 'down' });
      await settled();
      for (const { status, isOver } of [...asked, sixth])
        assert.deepEqual({ status, isOver }, { status: 200, isOver: true });
    }
  });

  it('counts a password as right that passed the log-in, whatever failed after it', async () => {
    const body = (password: string): object => ({ server: { host: 'guessed' }, username: 'g', password });
    const refused = { state: 'down', code: 'EAUTH' } as const;
    for (let round = 0; round < 3; round++) {
      await test(body('wrong'), refused);
      await test(body('right'), { state: 'down', code: 'ENOKEYFRAME' }, ['auth']);
      await clock.runAllAsync();
    }
    assert.equal(probes.length, 6);
    await test(body('wrong'), refused);
    await test(body('wrong'), { state: 'down', code: 'ETIMEDOUT' }, ['reach']);
    await test(body('wrong'), refused);
    const { status, lines } = await test(body('wrong'), {});
    assert.deepEqual({ status, code: lines[0]!.code }, { status: 400, code: 'EAUTH' });
  });

  it('for a picture is answered for a minute, and for eight of them', async () => {
    const ids: unknown[] = [];
    const get = async (id: unknown): Promise<Answer> => {
      const answer = post('picture', { id });
      await settled();
      return answer;
    };
    ids.push((await test(stored, {})).lines.at(-1)!.picture);
    const first = await get(ids[0]);
    assert.deepEqual({ type: first.type, body: first.body }, { type: 'image/jpeg', body: JPEG });
    await clock.tickAsync(59_000);
    assert.equal((await get(ids[0])).status, 200);
    await clock.tickAsync(1_000);
    assert.deepEqual([(await get(ids[0])).status, (await get(undefined)).status], [400, 400]);
    for (let i = 0; i < 9; i++) ids.push((await test(stored, {})).lines.at(-1)!.picture);
    assert.deepEqual([(await get(ids[1])).status, (await get(ids[2])).status], [400, 200]);
  });

  it('passes without a picture that is larger than 2 MiB, and says why', async () => {
    hub.gop = [videoUnit({ codec: 'mjpeg', data: Buffer.concat([JPEG, Buffer.alloc(2 * 2 ** 20 - 4)]) })];
    assert.ok((await test(stored, {})).lines.at(-1)!.picture);
    hub.gop = [videoUnit({ codec: 'mjpeg', data: Buffer.concat([JPEG, Buffer.alloc(2 * 2 ** 20 - 3)]) })];
    const last = (await test(stored, {})).lines.at(-1)!;
    assert.match(String(last.noPicture), /^EUNSUPPORTED: a picture of 2097153 bytes is too large/);
    assert.equal((last.health as Health).state, 'up');
  });

  it('for the cameras is answered with those of the NVR, or with the reason why it cannot', async () => {
    const search = async (body: object, health: Partial<Health>): Promise<Answer> => {
      const before = probes.length;
      const answer = post('cameras', body);
      await settled();
      probes[before]!.answer(health);
      await settled();
      return answer;
    };
    assert.deepEqual((await search(stored, {})).lines, [{ channels: [7] }]);
    assert.deepEqual((await search(own(), { state: 'down', code: 'ECHANNEL' })).lines, [
      { channels: [1, 2] },
    ]);
    assert.equal(closes, 1);
    const legacy = { server: { host: 'x', uriStyle: 'move', liveTemplate: '' } };
    assert.deepEqual((await search(own(legacy), {})).lines, [{ channels: [1, 2] }]);
    const one = { server: { host: 'x', uriStyle: 'custom', liveTemplate: '/live' } };
    assert.deepEqual((await search(own(one), {})).lines, [{ channels: [1] }]);
    const refused = await search(own(), { state: 'down', code: 'EAUTH', reason: 'No.' });
    assert.deepEqual(
      { status: refused.status, lines: refused.lines },
      { status: 400, lines: [{ code: 'EAUTH', reason: 'No.' }] },
    );
    assert.equal(closes, 3, 'one that refuses the account is remembered');
  });

  it('for the cameras counts a password as right that was taken, be there no camera, and as wrong that was not', async () => {
    const search = async (password: string, health: Partial<Health>): Promise<Answer> => {
      const before = probes.length;
      const answer = post('cameras', { server: { host: 'searched' }, username: 's', password });
      await settled();
      probes[before]?.answer({ state: 'down', ...health });
      await settled();
      return answer;
    };
    for (const right of [{ code: 'ECHANNEL' }, {}, { code: 'ECHANNEL' }] as const) {
      await search('wrong', { code: 'EAUTH' });
      await search('right', right);
      await clock.runAllAsync();
    }
    assert.equal(probes.length, 6);
    await search('wrong', { code: 'EAUTH' });
    assert.equal((await search('wrong', { code: 'ETIMEDOUT' })).status, 200);
    await search('wrong', { code: 'EAUTH' });
    const { status, lines } = await search('wrong', {});
    assert.deepEqual({ status, code: lines[0]!.code }, { status: 400, code: 'EAUTH' });
    assert.equal(probes.length, 9, 'the NVR is not asked any more');
  });

  it('for a trace starts it for ten minutes, reads it, and stops it', async () => {
    const trace = async (action: unknown, id = 'nvr'): Promise<Answer> => {
      const answer = post('trace', { id, action });
      await settled();
      return answer;
    };
    const before = Date.now();
    const [started] = (await trace('start')).lines;
    assert.equal(started!.isOn, true);
    const ms = Number(started!.endsAt) - before;
    assert.ok(ms >= 600_000 && ms < 660_000, `${ms} ms`);
    (server as unknown as { exchanges: Trace }).exchanges.debug('OPTIONS *');
    assert.deepEqual((await trace('status')).lines[0]!.messages, 1);
    assert.match(String((await trace('read')).body), /OPTIONS/);
    assert.equal((await trace('stop')).lines[0]!.isOn, false);
    for (const [action, id] of [
      ['erase', 'nvr'],
      ['start', 'gone'],
    ] as const)
      assert.equal((await trace(action, id)).status, 400);
  });

  it('does not count as a test under way once it was refused for its channel, however often', async () => {
    const body = { server: { host: 'no-channel' }, username: 'n', password: 'p', channel: 'no such' };
    for (let round = 0; round < 4; round++) {
      const answer = post('test', body);
      await settled();
      assert.deepEqual(
        { status: answer.status, code: answer.lines[0]?.code },
        { status: 400, code: 'EINPUT' },
        `round ${round}`,
      );
    }
  });
});
